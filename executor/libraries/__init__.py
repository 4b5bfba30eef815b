"""The libraries that programs may import, as the operator has set them: folders that boxes show, read-only.

    setting ──> a folder of the operator's ─────────────────────┐
            └─> packages ──> installed into the cache, once ────┴─> Libraries ──> boxes, GET /list

Packages are installed by the package manager of their language, which runs outside of the sandbox. So nothing that it
installs may run code of its own: only built packages are taken, and no scripts are run.
"""
