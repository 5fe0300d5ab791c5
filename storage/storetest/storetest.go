package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/storage"
)

// Run tests a kind of store. Each call of open returns a new, empty one.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, storage.Store)
	}{
		{"round trip", roundTrip},
		{"ranged reads", rangedReads},
		{"missing objects", missing},
		{"bad names", badNames},
		{"whole or not at all", wholeOrNot},
		{"conditions", conditions},
		{"one of many creators wins", creators},
		{"versions", versions},
		{"one of many replacers wins", replacers},
		{"sweep", sweep},
		{"lock", lock},
		{"list", list},
		{"rename", rename},
		{"remove", remove},
		{"cancelled", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// put writes an object whole.
func put(t *testing.T, st storage.Store, name, content string) {
	t.Helper()
	if err := create(st, name, content, storage.Replace); err != nil {
		t.Fatal(err)
	}
}

func create(st storage.Store, name, content string, c storage.Condition) error {
	w, err := st.Create(context.Background(), name, c)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, content); err != nil {
		w.Abort()
		return err
	}
	return w.Close()
}

// get reads an object whole.
func get(t *testing.T, st storage.Store, name string) string {
	t.Helper()
	r, err := st.Open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// names lists what begins with prefix.
func names(t *testing.T, st storage.Store, prefix string) []string {
	t.Helper()
	objects, err := st.List(context.Background(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range objects {
		out = append(out, o.Name)
	}
	return out
}

func wantIs(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func roundTrip(t *testing.T, st storage.Store) {
	for _, size := range []int{0, 1, 4095, 1 << 20} {
		name := fmt.Sprintf("a/b c/é-%d", size)
		content := string(bytes.Repeat([]byte{'x', 0, 255}, size/3+1)[:size])
		put(t, st, name, content)
		if got := get(t, st, name); got != content {
			t.Errorf("%s: read %d bytes that differ from the %d written", name, len(got), size)
		}
		o, err := st.Stat(context.Background(), name)
		if want := (storage.Object{Name: name, Size: int64(size)}); err != nil || o != want {
			t.Errorf("Stat = %v, %v, want %v", o, err, want)
		}
	}
}

func rangedReads(t *testing.T, st storage.Store) {
	const content = "0123456789"
	put(t, st, "x", content)
	r, err := st.Open(context.Background(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Size() != int64(len(content)) {
		t.Errorf("Size = %d, want %d", r.Size(), len(content))
	}
	for _, c := range []struct {
		off  int64
		n    int
		want string
		eof  bool
	}{{0, 10, content, false}, {3, 4, "3456", false}, {9, 1, "9", false}, {8, 5, "89", true}, {10, 1, "", true}, {99, 1, "", true}} {
		b := make([]byte, c.n)
		n, err := r.ReadAt(b, c.off)
		if string(b[:n]) != c.want || c.eof && err != io.EOF || !c.eof && err != nil && err != io.EOF {
			t.Errorf("ReadAt(%d bytes, %d) = %q, %v, want %q", c.n, c.off, b[:n], err, c.want)
		}
	}
	var wg sync.WaitGroup
	for i := range len(content) {
		wg.Go(func() {
			b := make([]byte, 1)
			if _, err := r.ReadAt(b, int64(i)); err != nil && err != io.EOF || b[0] != content[i] {
				t.Errorf("concurrent ReadAt(%d) = %q, %v", i, b, err)
			}
		})
	}
	wg.Wait()
}

func missing(t *testing.T, st storage.Store) {
	ctx := context.Background()
	if got := names(t, st, ""); got != nil {
		t.Errorf("a new store lists %v", got)
	}
	put(t, st, "dir/file", "x")
	for _, name := range []string{"none", "dir", "dir/none", "dir/file/below"} {
		_, err := st.Open(ctx, name)
		wantIs(t, "Open "+name, err, storage.ErrNotExist)
		_, err = st.Stat(ctx, name)
		wantIs(t, "Stat "+name, err, storage.ErrNotExist)
	}
	wantIs(t, "Rename", st.Rename(ctx, "none", "other"), storage.ErrNotExist)
}

func badNames(t *testing.T, st storage.Store) {
	ctx := context.Background()
	put(t, st, "x", "x")
	for _, name := range []string{"", ".", "..", "../x", "/x", "a//b", "a/../b", "a/"} {
		if _, err := st.Open(ctx, name); err == nil {
			t.Errorf("Open(%q) opened something", name)
		}
		if w, err := st.Create(ctx, name, storage.Replace); err == nil {
			w.Abort()
			t.Errorf("Create(%q) was allowed", name)
		}
		if err := st.Rename(ctx, "x", name); err == nil {
			t.Errorf("Rename(x, %q) was allowed", name)
		}
	}
}

func wholeOrNot(t *testing.T, st storage.Store) {
	ctx := context.Background()
	put(t, st, "old", "old content")
	for _, name := range []string{"old", "new"} {
		w, err := st.Create(ctx, name, storage.Replace)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("half"), 1<<18)); err != nil {
			t.Fatal(err)
		}
		if got, want := names(t, st, ""), []string{"old"}; !cmp.Equal(got, want) {
			t.Errorf("while %s is written the store lists %v, want %v", name, got, want)
		}
		if got := get(t, st, "old"); got != "old content" {
			t.Errorf("while %s is written old reads %.20q", name, got)
		}
		w.Abort()
		w.Abort() // harmless
		if err := w.Close(); err == nil {
			t.Errorf("Close after Abort of %s says that it was published", name)
		}
	}
	if got, want := names(t, st, ""), []string{"old"}; !cmp.Equal(got, want) {
		t.Errorf("after Abort the store lists %v, want %v", got, want)
	}
	if got := get(t, st, "old"); got != "old content" {
		t.Errorf("after Abort old reads %.20q", got)
	}
	w, err := st.Create(ctx, "kept", storage.Replace)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "kept")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if got := get(t, st, "kept"); got != "kept" {
		t.Errorf("Abort after Close left %q", got)
	}
	if _, err := w.Write([]byte("more")); err == nil {
		t.Error("Write after Close was accepted")
	}
	if err := w.Close(); err == nil {
		t.Error("a second Close says that it published")
	}
}

func conditions(t *testing.T, st storage.Store) {
	put(t, st, "x", "1")
	put(t, st, "x", "2")
	if got := get(t, st, "x"); got != "2" {
		t.Errorf("after Replace x reads %q, want 2", got)
	}
	wantIs(t, "IfAbsent over x", create(st, "x", "3", storage.IfAbsent), storage.ErrExist)
	if got := get(t, st, "x"); got != "2" {
		t.Errorf("IfAbsent replaced x: %q", got)
	}
	if err := create(st, "y", "4", storage.IfAbsent); err != nil {
		t.Errorf("IfAbsent of a new name: %v", err)
	}
	if got, want := names(t, st, ""), []string{"x", "y"}; !cmp.Equal(got, want) {
		t.Errorf("the store lists %v, want %v", got, want)
	}
}

func creators(t *testing.T, st storage.Store) {
	oneWins(t, st, storage.IfAbsent, storage.ErrExist)
}

func replacers(t *testing.T, st storage.Store) {
	put(t, st, "dir/one", "first")
	oneWins(t, st, storage.IfVersion(versionOf(t, st, "dir/one")), storage.ErrChanged)
}

// oneWins wants one of many writers on a condition to succeed, and the others to be told so.
func oneWins(t *testing.T, st storage.Store, c storage.Condition, lost error) {
	t.Helper()
	var mu sync.Mutex
	var winners []string
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			content := fmt.Sprint("writer ", i)
			err := create(st, "dir/one", content, c)
			if err != nil && !errors.Is(err, lost) {
				t.Errorf("writer %d: %v", i, err)
			}
			if err == nil {
				mu.Lock()
				winners = append(winners, content)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if got := get(t, st, "dir/one"); len(winners) != 1 || winners[0] != got {
		t.Errorf("winners %v, and the object reads %q", winners, got)
	}
}

// versionOf returns the version of an object.
func versionOf(t *testing.T, st storage.Store, name string) string {
	t.Helper()
	r, err := st.Open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return r.Version()
}

// A write on a version succeeds once, also where what was written in between has the same bytes.
func versions(t *testing.T, st storage.Store) {
	put(t, st, "x", "1")
	first := versionOf(t, st, "x")
	if again := versionOf(t, st, "x"); again != first {
		t.Errorf("the version of an object changed from %s to %s", first, again)
	}
	if err := create(st, "x", "2", storage.IfVersion(first)); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "IfVersion of what is gone", create(st, "x", "3", storage.IfVersion(first)), storage.ErrChanged)
	second := versionOf(t, st, "x")
	put(t, st, "x", "2")
	wantIs(t, "IfVersion after a write of the same bytes", create(st, "x", "3", storage.IfVersion(second)), storage.ErrChanged)
	if got := get(t, st, "x"); got != "2" {
		t.Errorf("x reads %q, want 2", got)
	}
	third := versionOf(t, st, "x")
	if err := st.Remove(context.Background(), "x"); err != nil {
		t.Fatal(err)
	}
	wantIs(t, "IfVersion of a removed object", create(st, "x", "4", storage.IfVersion(third)), storage.ErrChanged)
	if got := names(t, st, ""); got != nil {
		t.Errorf("the store lists %v", got)
	}
}

// Sweep leaves objects alone, and ends a writer below the directory.
func sweep(t *testing.T, st storage.Store) {
	ctx := context.Background()
	put(t, st, "a/b/x", "x")
	var writers []storage.Writer
	for _, name := range []string{"a/b/new", "c/new"} {
		w, err := st.Create(ctx, name, storage.Replace)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("half")); err != nil {
			t.Fatal(err)
		}
		writers = append(writers, w)
	}
	for _, dir := range []string{"a", "none", "a/b/x"} {
		if err := st.Sweep(ctx, dir); err != nil {
			t.Errorf("Sweep(%q): %v", dir, err)
		}
	}
	if err := writers[0].Close(); err == nil {
		t.Error("a writer below the swept directory published")
	}
	if err := writers[1].Close(); err != nil {
		t.Errorf("a writer elsewhere failed: %v", err)
	}
	if got, want := names(t, st, ""), []string{"a/b/x", "c/new"}; !cmp.Equal(got, want) {
		t.Errorf("the store lists %v, want %v", got, want)
	}
	if err := st.Sweep(ctx, "../x"); err == nil {
		t.Error("Sweep left the store")
	}
	if err := errors.Join(st.Remove(ctx, "a/b/x"), st.Sweep(ctx, ".")); err != nil {
		t.Error(err)
	}
	put(t, st, "a", "a name that a directory had")
}

func lock(t *testing.T, st storage.Store) {
	ctx := context.Background()
	unlock, err := st.Lock(ctx, ".lock")
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Lock(ctx, ".lock")
	wantIs(t, "a second Lock", err, storage.ErrLocked)
	other, err := st.Lock(ctx, ".other")
	if err != nil {
		t.Fatal(err)
	}
	other()
	unlock()
	again, err := st.Lock(ctx, ".lock")
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	again()
}

func list(t *testing.T, st storage.Store) {
	for _, name := range []string{"b/z", "a-b", "a/b/c", "ab", "a0"} {
		put(t, st, name, name)
	}
	for _, c := range []struct {
		prefix string
		want   []string
	}{
		{"", []string{"a-b", "a/b/c", "a0", "ab", "b/z"}},
		{"a", []string{"a-b", "a/b/c", "a0", "ab"}},
		{"a/", []string{"a/b/c"}},
		{"a/b", []string{"a/b/c"}},
		{"a/b/c", []string{"a/b/c"}},
		{"a/b/c/", nil},
		{"none/", nil},
		{"c", nil},
	} {
		if got := names(t, st, c.prefix); !cmp.Equal(got, c.want) {
			t.Errorf("List(%q) = %v, want %v", c.prefix, got, c.want)
		}
	}
	objects, err := st.List(context.Background(), "a/")
	if want := []storage.Object{{Name: "a/b/c", Size: 5}}; err != nil || !cmp.Equal(objects, want) {
		t.Errorf("List = %v, %v, want %v", objects, err, want)
	}
}

func rename(t *testing.T, st storage.Store) {
	ctx := context.Background()
	put(t, st, "tmp/x", "x")
	put(t, st, "y", "y")
	wantIs(t, "Rename over y", st.Rename(ctx, "tmp/x", "y"), storage.ErrExist)
	if got := get(t, st, "y") + get(t, st, "tmp/x"); got != "yx" {
		t.Errorf("a refused Rename left %q", got)
	}
	if err := st.Rename(ctx, "tmp/x", "final/deep/x"); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, st, ""), []string{"final/deep/x", "y"}; !cmp.Equal(got, want) {
		t.Errorf("after Rename the store lists %v, want %v", got, want)
	}
	if got := get(t, st, "final/deep/x"); got != "x" {
		t.Errorf("the renamed object reads %q", got)
	}
}

func remove(t *testing.T, st storage.Store) {
	ctx := context.Background()
	put(t, st, "dir/x", "x")
	for range 2 {
		if err := st.Remove(ctx, "dir/x"); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	if err := st.Remove(ctx, "dir/x/below"); err != nil {
		t.Errorf("Remove of what cannot be there: %v", err)
	}
	if got := names(t, st, ""); got != nil {
		t.Errorf("after Remove the store lists %v", got)
	}
	put(t, st, "dir/x", "again")
}

func cancelled(t *testing.T, st storage.Store) {
	put(t, st, "x", "x")
	ctx, cancel := context.WithCancel(context.Background())
	w, err := st.Create(ctx, "new", storage.Replace)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "half")
	cancel()
	if err := w.Close(); err == nil {
		t.Error("Close published although the write was cancelled")
	}
	_, err = st.Open(ctx, "x")
	wantIs(t, "Open", err, context.Canceled)
	_, err = st.Create(ctx, "z", storage.Replace)
	wantIs(t, "Create", err, context.Canceled)
	_, err = st.List(ctx, "")
	wantIs(t, "List", err, context.Canceled)
	_, err = st.Stat(ctx, "x")
	wantIs(t, "Stat", err, context.Canceled)
	wantIs(t, "Rename", st.Rename(ctx, "x", "y"), context.Canceled)
	wantIs(t, "Remove", st.Remove(ctx, "x"), context.Canceled)
	if got, want := names(t, st, ""), []string{"x"}; !cmp.Equal(got, want) {
		t.Errorf("after all that the store lists %v, want %v", got, want)
	}
}
