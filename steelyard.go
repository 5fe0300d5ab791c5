// Package steelyard carries what every part of the program shares and nothing else: its version, and the demonstration model and pairs
// that are embedded in it.
package steelyard

import (
	"embed"
	"io/fs"
)

// Version is the version of this program.
const Version = "0.1.0"

//go:embed testdata/demo
var demo embed.FS

// Demo returns the embedded demonstration: model/ is a Hugging Face directory of a chat model of one million parameters, pairs.json
// holds real preference pairs.
func Demo() fs.FS {
	sub, err := fs.Sub(demo, "testdata/demo")
	if err != nil {
		panic("steelyard: the embedded demonstration is missing: " + err.Error())
	}
	return sub
}
