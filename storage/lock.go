package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// LockLocal takes the exclusive lock of a local directory, kept in the file of that name in it, which is made where it is missing and
// stays. It does not wait: ErrLocked, with who holds it, where another does. The lock is the kernel's (flock), so it is released by
// unlock or by the death of the process, whichever comes first; nothing stale is ever left. Keep unlock until then: dropping it lets the
// garbage collector close the file, and the lock is gone.
//
// On network file systems flock may hold on one machine only.
func LockLocal(dir, name string) (unlock func(), err error) {
	if err := makeDir(filepath.Clean(dir)); err != nil {
		return nil, fmt.Errorf("storage: lock %s: %w", dir, err)
	}
	file := filepath.Join(dir, name)
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("storage: lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("storage: lock %s: %w", file, err)
		}
		holder, _ := io.ReadAll(io.LimitReader(f, 256)) // only for the message
		return nil, fmt.Errorf("%w: %s is held by %s", ErrLocked, file, strings.TrimSpace(string(holder)))
	}
	// Whoever is refused reads this; the lock itself does not depend on it.
	host, _ := os.Hostname()
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "process %d on %s\n", os.Getpid(), host)
	}
	return func() { f.Close() }, nil
}

func (l local) Lock(ctx context.Context, name string) (unlock func(), err error) {
	if _, err := l.path(ctx, "lock", name); err != nil {
		return nil, err
	}
	return LockLocal(l.dir, name)
}
