"""The template language beside Heat's own engine: the same jobs, in two processes of one machine.

What is timed, on both sides: a template's text is read, its parameters and every resource are validated
against the types' schemas, dependencies are found, and all properties of all resources are resolved with
every reference and attribute known. All that a stack create does before it acts, in memory alone.

- Heat's side (`theirs`) runs `template_format.parse`, `Template`, `Stack` and `Stack.validate`, finds the
  order anew as `Stack.converge_stack` does, and reads all properties of each resource in that order. Not
  counted, to Heat's advantage: its database, its messages, and that its workers load template and stack anew
  for every resource.
- Our side (`ours`) runs `compile_source`, `plan_apply` and `Tree.properties`. The plan, which Heat has no
  counterpart of, is counted.
- What only a service could tell, neither asks: on Heat's side each name that is looked up exists and is its
  own id, no service is missing, and an image goes with every flavor; ours are noted as a list for later. Both
  get the same references and attributes.
- Their answers are compared: all resolved properties and all dependencies must be equal, else nothing is said
  of the time.
- Counted are CPU seconds of one thread, after all imports and a small run of the same template, and after a
  garbage collection. Both are asked in turns, so that what else the machine does meets both.

Not among the templates: nested stacks and groups, which Heat resolves only once they are in its database.
"""
