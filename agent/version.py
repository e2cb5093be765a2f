"""Which release this is. Written here as well as in the packaging, because asking the installed
package's metadata costs more memory than the rest of the agent's own code; a test compares them."""

VERSION = "0.1.0"
