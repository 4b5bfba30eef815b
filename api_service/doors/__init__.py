"""The compatibility APIs of other services. `PRECIEUX_FRONT_DOORS` opens them."""
