package storage

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

func (l local) Create(ctx context.Context, name string, c Condition) (Writer, error) {
	target, err := l.path(ctx, "create", name)
	if err != nil {
		return nil, err
	}
	if err := makeDir(filepath.Dir(target)); err != nil {
		return nil, l.wrap("create", name, err)
	}
	// Not os.CreateTemp, which makes files of mode 0600: a cache is for whoever may read its directory.
	temp := filepath.Join(filepath.Dir(target), tempPrefix+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, l.wrap("create", name, err)
	}
	return &localWriter{ctx: ctx, l: l, name: name, target: target, c: c, f: f, buf: bufio.NewWriterSize(f, 1<<18)}, nil
}

// localWriter writes a temporary file that Close gives its name.
type localWriter struct {
	ctx    context.Context // of the whole write: once it is done, Close publishes nothing
	l      local
	name   string
	target string
	c      Condition
	f      *os.File // nil once closed or aborted
	buf    *bufio.Writer
}

var errClosed = errors.New("the writer is closed")

func (w *localWriter) Write(b []byte) (int, error) {
	err := w.ctx.Err()
	if w.f == nil {
		err = errClosed
	}
	if err != nil {
		return 0, w.l.wrap("write", w.name, err)
	}
	n, err := w.buf.Write(b)
	if err != nil {
		return n, w.l.wrap("write", w.name, err)
	}
	return n, nil
}

func (w *localWriter) Close() error {
	if w.f == nil {
		return w.l.wrap("close", w.name, errClosed)
	}
	if err := w.publish(); err != nil {
		w.Abort()
		return w.l.wrap("publish", w.name, err)
	}
	w.f = nil
	if err := syncDir(filepath.Dir(w.target)); err != nil {
		return w.l.wrap("publish", w.name, err)
	}
	return nil
}

// publish makes the written bytes durable and gives them their name.
func (w *localWriter) publish() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if err := w.buf.Flush(); err != nil {
		return err
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	if err := w.f.Close(); err != nil {
		return err
	}
	if w.c == IfAbsent {
		return moveNew(w.f.Name(), w.target)
	}
	if want, ok := w.c.Version(); ok {
		return replaceVersion(w.f.Name(), w.target, want)
	}
	return os.Rename(w.f.Name(), w.target)
}

// replaceVersion moves a file over one that must still be of a version. Looking and moving are one step to all who use this function: the
// lock is that of the directory, held for that long.
func replaceVersion(from, to, want string) error {
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer dir.Close() // and with it the lock
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", dir.Name(), err)
	}
	info, err := os.Stat(to)
	if errors.Is(err, os.ErrNotExist) || err == nil && version(info) != want {
		return ErrChanged
	}
	if err != nil {
		return err
	}
	return os.Rename(from, to)
}

// version names the file behind an entry: every writer makes a new file, so that inode and time differ from those of the one before.
func version(info os.FileInfo) string {
	inode := uint64(0)
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = s.Ino
	}
	return fmt.Sprintf("%d-%d-%d", inode, info.ModTime().UnixNano(), info.Size())
}

func (w *localWriter) Abort() {
	if w.f == nil {
		return
	}
	w.f.Close()
	os.Remove(w.f.Name())
	w.f = nil
}

// moveNew moves a file to a name that nothing has yet; an error that is fs.ErrExist where something has it. A link fails where the
// target exists, which a rename does not. A process killed between link and remove leaves the file under both names.
func moveNew(from, to string) error {
	err := os.Link(from, to)
	var inner *os.LinkError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	switch {
	case err == nil:
		return os.Remove(from)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS):
		// A file system without hard links (FAT, some network mounts): look, then rename. Two writers of the same name may then both
		// succeed, the later one staying; a cache is locked by its launcher, so there are no two.
		if _, err := os.Lstat(to); err == nil {
			return os.ErrExist
		}
		return os.Rename(from, to)
	}
	return err
}

// makeDir makes a directory and those above it, durably.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is a file, not a directory", dir)
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems cannot sync a directory and say so; there is nothing more to do on them.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
