package upkeep_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// Each check of a property makes caches, with the fsyncs of one; a hundred of them, rapid's default, take too long for every day.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		f.Value.Set("20")
	}
	goleak.VerifyTestMain(m)
}
