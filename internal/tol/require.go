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
