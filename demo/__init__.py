"""`script/demo`: the whole product on one machine, against the simulated AWS, in front of the user.

It stands outside the product and uses it as people do: the same operations, the same workers, the same pages.
"""
