package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/storage"
)

// A part whose values are damaged, and one whose values are others than the reference's, are scored again to the very bits that they had.
func TestRepairGivesTheSameBits(t *testing.T) {
	model, pairs := demoFiles(t)
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	invoke(t, exitDone, "precompute", "--model", model, "--pairs", pairs, "--cache", good)
	want := rows(t, good)

	st, err := storage.Local(good)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := cache.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	damage(t, st.URL(snapshot.Manifest().Parts[0].Path), "ref_rejected_token_logps")
	invoke(t, exitFailed, "verify", "--cache", good)
	out, _ := invoke(t, exitDone, "verify", "--cache", good, "--model", model, "--repair")
	if !strings.Contains(out, "of its 62 rows 62 were scored again") {
		t.Errorf("repair says:\n%s", out)
	}
	if diff := cmp.Diff(want, rows(t, good)); diff != "" {
		t.Errorf("scored again: want -, got +:\n%s", diff)
	}

	// Nothing but the model can tell that these are wrong.
	wrong := filepath.Join(dir, "wrong")
	changed := rows(t, good)
	for i := range changed {
		changed[i].RefChosenLogps -= 0.5
	}
	rewrite(t, good, wrong, changed)
	invoke(t, exitDone, "verify", "--cache", wrong, "--repair")
	invoke(t, exitDone, "verify", "--cache", wrong, "--model", model, "--repair")
	for i := range want { // a cache that was made without them stays without
		want[i].RefChosenTokenLogps, want[i].RefRejectedTokenLogps = nil, nil
	}
	if diff := cmp.Diff(want, rows(t, wrong)); diff != "" {
		t.Errorf("wrong values: want -, got +:\n%s", diff)
	}
}

// While a process holds a cache, status says who, and what would change it waits; a dry run does not.
func TestHeldCache(t *testing.T) {
	model, pairs := demoFiles(t)
	dir := filepath.Join(t.TempDir(), "cache")
	invoke(t, exitDone, "precompute", "--model", model, "--pairs", pairs, "--cache", dir, "--limit", "2")
	st, err := storage.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := cache.Hold(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	holder := fmt.Sprintf("is held by process %d on ", os.Getpid())
	if out, _ := invoke(t, exitDone, "cache", "status", dir); !strings.Contains(out, holder) {
		t.Errorf("status does not say %q:\n%s", holder, out)
	}
	invoke(t, exitDone, "cache", "gc", "--cache", dir, "--dry-run")
	for _, args := range [][]string{{"cache", "gc", "--cache", dir}, {"verify", "--cache", dir, "--repair"}} {
		if _, errs := invoke(t, exitFailed, args...); !strings.Contains(errs, holder) || !strings.Contains(errs, "Wait until it is done") {
			t.Errorf("%v: %s", args, errs)
		}
	}
	unlock()
	invoke(t, exitDone, "cache", "gc", "--cache", dir)
	if out, _ := invoke(t, exitDone, "cache", "status", dir); strings.Contains(out, "held") {
		t.Errorf("status after it was let go:\n%s", out)
	}
}

// damage flips a bit of the last page of a column of a file's first row group.
func damage(t *testing.T, path, column string) {
	t.Helper()
	b := readFile(t, path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, err := parquet.OpenFile(f, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Metadata().RowGroups[0].Columns {
		if m := c.MetaData; m.PathInSchema[0] == column {
			b[m.DataPageOffset+m.TotalCompressedSize-10] ^= 1
		}
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}
