"""Which release this is. Written here as well as in the packaging, because asking the installed
package's metadata takes four times as long as the rest of `mailfleet --version`; a test compares
them."""

VERSION = "0.1.0"
