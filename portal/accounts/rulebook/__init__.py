"""The portal's own families of rules, one file each, found by name; AccountsConfig puts them into the rulebook."""
