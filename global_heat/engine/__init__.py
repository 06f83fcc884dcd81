"""Claims shards, carries out their steps, sweeps what attempts left."""
