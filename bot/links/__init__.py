"""Reading what a link leads to, where the owner has switched it on: public addresses only, within limits."""
