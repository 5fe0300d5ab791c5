package lint

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

const module = "github.com/steelyard-ml/steelyard"

// pkg is what `go list -json` says of a package.
type pkg struct {
	Dir, ImportPath, Export                            string
	Imports, Deps                                      []string
	GoFiles, TestGoFiles, XTestGoFiles, IgnoredGoFiles []string
}

// rel is a package's path within the module; the root package is ".".
func (p pkg) rel() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

func goList(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=Dir,ImportPath,Export,Imports,Deps,GoFiles,TestGoFiles,XTestGoFiles,IgnoredGoFiles"}, args...)...)
	cmd.Dir = tol.Root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// packages lists the module's packages.
func packages(t *testing.T) []pkg {
	t.Helper()
	return goList(t, "./...")
}
