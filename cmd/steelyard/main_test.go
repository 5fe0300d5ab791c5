package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/runners"
)

// programs are what the test binary can be beside itself: for scripts, and for processes of their own.
var programs = map[string]func(){"steelyard": main}

func TestMain(m *testing.M) {
	runners.Worker() // or a worker of one of those
	testscript.Main(m, programs)
}

func TestScripts(t *testing.T) {
	root := tol.Root(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("DEMO", filepath.Join(root, "testdata", "demo"))
			e.Setenv("SMOLLM2", filepath.Join(root, "testdata", "goldens", "smollm2"))
			e.Setenv("DATA", filepath.Join(root, "testdata", "data", "dpo_en_demo.json.gz"))
			return nil
		},
	})
}

// invoke runs the program in this process and returns what it printed; it must exit with the code.
func invoke(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	if got := run(context.Background(), args, streams{&out, &err}); got != code {
		t.Fatalf("steelyard %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &err)
	}
	return out.String(), err.String()
}

// process runs the program in a process of its own.
func process(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("steelyard") // put there by testscript.Main
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("steelyard %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// demo returns the embedded model's directory and pairs.
func demoFiles(t *testing.T) (model, pairs string) {
	dir := filepath.Join(tol.Root(t), "testdata", "demo")
	return filepath.Join(dir, "model"), filepath.Join(dir, "pairs.json")
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
