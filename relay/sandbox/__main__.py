"""python -m relay.sandbox"""

from relay.sandbox.run import main

main()
