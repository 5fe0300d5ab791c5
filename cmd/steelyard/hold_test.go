package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/storage"
)

// The scheme hold:// is a local directory whose manifest is not replaced while a file <dir>.hold is there; <dir>.reached says that a
// process waits for it. It lets a test stop another process in the middle of a commit.
func init() {
	storage.Register("hold", func(_ context.Context, rawURL string) (storage.Store, error) {
		dir := strings.TrimPrefix(rawURL, "hold://")
		st, err := storage.Local(dir)
		return holdStore{st, dir}, err
	})
}

type holdStore struct {
	storage.Store
	dir string
}

func (h holdStore) Create(ctx context.Context, name string, c storage.Condition) (storage.Writer, error) {
	if name == "manifest.json" {
		if _, err := os.Stat(h.dir + ".hold"); err == nil {
			if err := os.WriteFile(h.dir+".reached", nil, 0o666); err != nil {
				return nil, err
			}
		}
		for {
			if _, err := os.Stat(h.dir + ".hold"); errors.Is(err, os.ErrNotExist) {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return h.Store.Create(ctx, name, c)
}

// A hold stops processes that use hold:// of a directory.
type hold struct {
	t   *testing.T
	dir string
}

func holdCommits(t *testing.T, dir string) hold {
	t.Helper()
	h := hold{t, filepath.Clean(dir)}
	os.Remove(h.dir + ".reached")
	if err := os.WriteFile(h.dir+".hold", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(h.dir + ".hold") })
	return h
}

func (h hold) reached() bool {
	_, err := os.Stat(h.dir + ".reached")
	return err == nil
}

func (h hold) release() {
	if err := os.Remove(h.dir + ".hold"); err != nil {
		h.t.Fatal(err)
	}
}
