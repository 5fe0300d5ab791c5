package lint

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
)

const (
	maxLines = 600 // of a hand-written Go file; 400 is the aim
	maxFiles = 12  // non-test Go files of a package
)

// generated says whether a file declares itself generated, in the form that Go's tools know.
func generated(first string) bool {
	return strings.HasPrefix(first, "// Code generated ") && strings.HasSuffix(first, " DO NOT EDIT.")
}

func TestFilesStaySmall(t *testing.T) {
	for _, p := range packages(t) {
		files := append(append(append([]string{}, p.GoFiles...), p.TestGoFiles...), append(p.XTestGoFiles, p.IgnoredGoFiles...)...)
		for _, name := range files {
			lines, made := count(t, filepath.Join(p.Dir, name))
			if lines > maxLines && !made {
				t.Errorf("%s/%s has %d lines, at most %d", p.rel(), name, lines, maxLines)
			}
		}
	}
}

func count(t *testing.T, path string) (lines int, made bool) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		lines++
		made = made || lines == 1 && generated(s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines, made
}

func TestPackagesStaySmall(t *testing.T) {
	for _, p := range packages(t) {
		ideas := map[string]bool{} // gemm.go, gemm_amd64.go and gemm_generic.go are one
		for _, name := range append(append([]string{}, p.GoFiles...), p.IgnoredGoFiles...) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			if _, made := count(t, filepath.Join(p.Dir, name)); made {
				continue
			}
			name = strings.TrimSuffix(name, ".go")
			for _, suffix := range []string{"_amd64", "_arm64", "_generic", "_other", "_unix", "_linux", "_darwin"} {
				name = strings.TrimSuffix(name, suffix)
			}
			ideas[name] = true
		}
		if len(ideas) > maxFiles {
			t.Errorf("%s has %d files, at most %d: split it by idea", p.rel(), len(ideas), maxFiles)
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	for _, p := range packages(t) {
		if p.rel() == "." || strings.HasPrefix(p.rel(), "cmd/") {
			continue
		}
		if _, err := os.Stat(filepath.Join(p.Dir, "doc.go")); err != nil {
			t.Errorf("%s has no doc.go: say what it is, its few types and the one trap", p.rel())
		}
	}
}

func TestTreeIsClean(t *testing.T) {
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = tol.Root(t)
	out, err := cmd.Output()
	if err != nil {
		tol.SkipUnlessRequired(t, "this is no git checkout: "+err.Error())
	}
	marker := strings.Repeat("<", 7) + " "
	for _, name := range strings.Fields(string(out)) {
		if strings.HasPrefix(name, "testdata/") || strings.Contains(name, "/testdata/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(tol.Root(t), name))
		if err != nil {
			continue // removed in the working tree
		}
		if strings.HasPrefix(string(text), marker) || strings.Contains(string(text), "\n"+marker) {
			t.Errorf("%s holds a merge marker", name)
		}
		for _, no := range []string{".prof", ".out", ".orig", ".rej", ".test"} {
			if strings.HasSuffix(name, no) {
				t.Errorf("%s does not belong in the tree", name)
			}
		}
	}
}
