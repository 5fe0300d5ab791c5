package storage_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/storage"
	"github.com/steelyard-ml/steelyard/storage/storetest"
)

func open(t *testing.T, dir string) storage.Store {
	t.Helper()
	st, err := storage.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestLocal(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storage.Store { return open(t, filepath.Join(t.TempDir(), "not", "yet")) })
}

func TestOpenURL(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{dir, "file://" + dir} {
		st, err := storage.OpenURL(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Stat(context.Background(), "x"); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for url, want := range map[string]string{
		"gs://bucket/x": "no store for gs://",
		"":              "name is empty",
		"file://":       "name is empty",
		"file:///%zz":   "invalid URL escape",
	} {
		if _, err := storage.OpenURL(context.Background(), url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenURL(%q): got error %v, want one that says %q", url, err, want)
		}
	}
}

// A process that is killed while it writes leaves nothing that List shows, and the next writer is not disturbed.
func TestLocalLeftoversAreHidden(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir)
	if _, err := st.Create(context.Background(), "x", storage.Replace); err != nil {
		t.Fatal(err)
	} // neither closed nor aborted, as after a kill
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("the directory holds %v, %v; want one temporary file", files, err)
	}
	objects, err := st.List(context.Background(), "")
	if err != nil || len(objects) != 0 {
		t.Errorf("List = %v, %v, want none", objects, err)
	}
	if _, err := st.Stat(context.Background(), files[0].Name()); err == nil {
		t.Error("a temporary file passes for an object")
	}
}

// Files are made with the mode that the process gives files, so that others may read a cache.
func TestLocalMode(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir)
	w, err := st.Create(context.Background(), "x", storage.Replace)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(filepath.Join(dir, "x"))
	want, err2 := os.Stat(filepath.Join(dir, "plain"))
	if err != nil || err2 != nil || got.Mode() != want.Mode() {
		t.Errorf("mode %v, want %v", got.Mode(), want.Mode())
	}
}

func TestLockLocal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	unlock, err := storage.LockLocal(dir, "lock")
	if err != nil {
		t.Fatal(err)
	}
	_, err = storage.LockLocal(dir, "lock")
	if !errors.Is(err, storage.ErrLocked) || !strings.Contains(err.Error(), "process ") {
		t.Errorf("second lock: got %v, want ErrLocked with its holder", err)
	}
	other, err := storage.LockLocal(dir, "other")
	if err != nil {
		t.Errorf("a lock of another name: %v", err)
	} else {
		other()
	}
	unlock()
	again, err := storage.LockLocal(dir, "lock")
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	again()
}

// The lock of a process that is killed is free.
func TestLockLocalGoesWithItsProcess(t *testing.T) {
	if dir := os.Getenv("STEELYARD_TEST_LOCK"); dir != "" {
		unlock, err := storage.LockLocal(dir, "lock")
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		os.Stdout.WriteString("locked\n")
		time.Sleep(time.Minute) // until killed
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "STEELYARD_TEST_LOCK="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	_, err = storage.LockLocal(dir, "lock")
	cmd.Process.Kill()
	cmd.Wait()
	if line != "locked\n" || !errors.Is(err, storage.ErrLocked) {
		t.Fatalf("the other process said %q and the lock %v, want ErrLocked", line, err)
	}
	unlock, err := storage.LockLocal(dir, "lock")
	if err != nil {
		t.Fatalf("after its holder was killed: %v", err)
	}
	unlock()
}

// A scheme that was registered opens; the local ones stay what they are.
func TestRegister(t *testing.T) {
	dir := t.TempDir()
	storage.Register("test-scheme", func(_ context.Context, rawURL string) (storage.Store, error) {
		return storage.Local(filepath.Join(dir, strings.TrimPrefix(rawURL, "test-scheme://")))
	})
	st, err := storage.OpenURL(context.Background(), "test-scheme://below")
	if err != nil || st.URL("x") != filepath.Join(dir, "below", "x") {
		t.Errorf("OpenURL = %v, %v", st, err)
	}
}
