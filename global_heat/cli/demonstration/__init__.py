"""What `global-heat demo` does: one template over three regions, through the death of one."""
