package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
)

// tempPrefix begins the names of files that are being written. List leaves them out; a killed process may leave one behind.
const tempPrefix = ".steelyard-tmp-"

// local is a directory of this machine.
type local struct{ dir string }

// Local returns the store of a local directory, which is made on the first write.
//
// Objects are published by writing a temporary file beside the target, fsync, a rename or link, and fsync of the directory, so that an
// object that is there after a crash is there whole.
func Local(dir string) (Store, error) {
	if dir == "" {
		return nil, errors.New("storage: the directory's name is empty; name one, or . for the current directory")
	}
	return local{filepath.Clean(dir)}, nil
}

func (l local) URL(name string) string { return filepath.Join(l.dir, filepath.FromSlash(name)) }

// path returns the file of an object. It refuses names that lead out of the store.
func (l local) path(ctx context.Context, op, name string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("storage: %s %s: %w", op, l.URL(name), err)
	}
	if !fs.ValidPath(name) || name == "." || strings.HasPrefix(path.Base(name), tempPrefix) {
		return "", fmt.Errorf("storage: %s %q: not the name of an object: want slash-separated elements below %s, no dots alone", op, name, l.dir)
	}
	return filepath.Join(l.dir, filepath.FromSlash(name)), nil
}

// wrap gives an error of the file system its operation, its place and, where it has one, the sentinel of this package.
func (l local) wrap(op, name string, err error) error {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err // the place is said once
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("storage: %s %s: %w", op, l.URL(name), ErrNotExist)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("storage: %s %s: %w", op, l.URL(name), ErrExist)
	}
	return fmt.Errorf("storage: %s %s: %w", op, l.URL(name), err)
}

func (l local) Open(ctx context.Context, name string) (Reader, error) {
	file, err := l.path(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, l.wrap("open", name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist // a directory is no object
	}
	if err != nil {
		f.Close()
		return nil, l.wrap("open", name, err)
	}
	return localReader{f, info}, nil
}

// localReader is an open file and what it was then.
type localReader struct {
	*os.File
	info fs.FileInfo
}

func (r localReader) Size() int64     { return r.info.Size() }
func (r localReader) Version() string { return version(r.info) }

func (l local) Stat(ctx context.Context, name string) (Object, error) {
	file, err := l.path(ctx, "stat", name)
	if err != nil {
		return Object{}, err
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Object{}, l.wrap("stat", name, err)
	}
	return Object{Name: name, Size: info.Size()}, nil
}

func (l local) List(ctx context.Context, prefix string) ([]Object, error) {
	// The walk starts at the deepest directory that the prefix names, not at the root of the store.
	start := "."
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		start = prefix[:i]
	}
	if !fs.ValidPath(start) {
		return nil, fmt.Errorf("storage: list %q: not a prefix of names of objects below %s", prefix, l.dir)
	}
	var out []Object
	err := filepath.WalkDir(filepath.Join(l.dir, filepath.FromSlash(start)), func(file string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil // removed while listing, or never there: no objects
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(l.dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !strings.HasPrefix(name, prefix) || strings.HasPrefix(d.Name(), tempPrefix) {
			return nil
		}
		info, err := os.Stat(file) // through a link, as Open goes
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			out = append(out, Object{Name: name, Size: info.Size()})
		}
		return nil
	})
	if err != nil {
		return nil, l.wrap("list", prefix, err)
	}
	// WalkDir goes by directories, so that a/b comes before a-b; names sort the other way round.
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

func (l local) Rename(ctx context.Context, from, to string) error {
	old, err := l.path(ctx, "rename", from)
	if err != nil {
		return err
	}
	target, err := l.path(ctx, "rename to", to)
	if err != nil {
		return err
	}
	if _, err := os.Stat(old); err != nil {
		return l.wrap("rename", from, err)
	}
	if err := makeDir(filepath.Dir(target)); err != nil {
		return l.wrap("rename to", to, err)
	}
	if err := moveNew(old, target); err != nil {
		return l.wrap("rename to", to, err)
	}
	return errors.Join(syncDir(filepath.Dir(target)), syncDir(filepath.Dir(old)))
}

func (l local) Remove(ctx context.Context, name string) error {
	file, err := l.path(ctx, "remove", name)
	if err != nil {
		return err
	}
	info, err := os.Lstat(file)
	if err == nil && info.IsDir() {
		return fmt.Errorf("storage: remove %s: it is a directory, not an object", l.URL(name))
	}
	if err == nil {
		err = os.Remove(file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return l.wrap("remove", name, err)
	}
	return nil
}

func (l local) Sweep(ctx context.Context, dir string) error {
	if !fs.ValidPath(dir) {
		return fmt.Errorf("storage: sweep %q: not a directory of names of objects below %s", dir, l.dir)
	}
	var dirs []string
	err := filepath.WalkDir(filepath.Join(l.dir, filepath.FromSlash(dir)), func(file string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case err != nil:
		case d.IsDir() && file != l.dir:
			dirs = append(dirs, file)
		case strings.HasPrefix(d.Name(), tempPrefix):
			err = os.Remove(file)
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil
		}
		return err
	})
	if err != nil {
		return l.wrap("sweep", dir, err)
	}
	for _, d := range slices.Backward(dirs) { // the deepest first
		os.Remove(d) // fails where something is in it, which is well
	}
	return nil
}
