package part

import (
	"flag"
	"os"
	"testing"
)

// Each check of a property writes files, with their fsyncs; a hundred of them, rapid's default, take too long for every day.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		f.Value.Set("20")
	}
	os.Exit(m.Run())
}
