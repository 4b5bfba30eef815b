import resource

for name in sorted(vars(resource)):
    if name.startswith("RLIMIT_") and name != "RLIMIT_CPU":
        print(name, resource.getrlimit(getattr(resource, name)))
