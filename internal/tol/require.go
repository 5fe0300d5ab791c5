package tol

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// SkipUnlessRequired skips the test because something optional is missing, or fails it where STEELYARD_REQUIRE=1 says that nothing may
// be missing.
func SkipUnlessRequired(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("STEELYARD_REQUIRE") == "1" {
		t.Fatalf("required by STEELYARD_REQUIRE=1, but %s", why)
	}
	t.Skip("skipped: " + why)
}

// Python returns the interpreter that STEELYARD_PYTHON names, with the packages of testdata/tools/peers.txt. It skips the test where there
// is none, and under -short: what the peers say does not depend on the race detector or on how this program was compiled.
func Python(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: -short asks no peers")
	}
	python := os.Getenv("STEELYARD_PYTHON")
	if python == "" {
		SkipUnlessRequired(t, "STEELYARD_PYTHON names no Python with the packages of testdata/tools/peers.txt (make peers)")
	}
	return python
}

// Root returns the root of the module's source.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("tol: no caller information")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Golden returns the path of a golden file or directory: the one in testdata/goldens where it is vendored, else the one below
// STEELYARD_GOLDENS or, when that is unset, below ../shared/goldens beside the checkout. It skips the test where there is neither.
func Golden(t testing.TB, name string) string {
	t.Helper()
	dirs := []string{filepath.Join(Root(t), "testdata", "goldens")}
	if dir := os.Getenv("STEELYARD_GOLDENS"); dir != "" {
		dirs = append(dirs, dir)
	} else {
		dirs = append(dirs, filepath.Join(Root(t), "..", "shared", "goldens"))
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	SkipUnlessRequired(t, "the golden "+name+" is not vendored and STEELYARD_GOLDENS names no directory that has it")
	return ""
}
