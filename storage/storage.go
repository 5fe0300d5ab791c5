package storage

import (
	"context"
	"errors"
	"io"
	"strings"
)

// Errors of a Store, to be tested with errors.Is.
var (
	// ErrNotExist is returned when a named object is not there.
	ErrNotExist = errors.New("storage: no such object")
	// ErrExist is returned by Create with IfAbsent and by Rename when the target is already there.
	ErrExist = errors.New("storage: object exists already")
	// ErrChanged is returned by Create with IfVersion when the object is another one by now, or gone. Read it again.
	ErrChanged = errors.New("storage: the object was changed meanwhile")
	// ErrLocked is returned by Lock when another process holds the lock. Wait for it or end it; a lock goes with its process.
	ErrLocked = errors.New("storage: locked by another process")
)

// An Object is a stored file: its name relative to the store, slash-separated, and its size in bytes.
type Object struct {
	Name string
	Size int64
}

// A Reader gives ranged reads of one object.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
	// Version names what was opened, for IfVersion: an object that is written again gets another.
	Version() string
}

// A Writer writes one object, which appears whole at Close and not before.
type Writer interface {
	io.Writer
	// Close publishes the object durably. An error means that nothing was published.
	Close() error
	// Abort drops what was written. It does nothing after Close.
	Abort()
}

// A Condition of a write.
type Condition string

// Conditions of Create, beside IfVersion.
const (
	Replace  Condition = "replace"   // an existing object is replaced atomically
	IfAbsent Condition = "if absent" // Close returns ErrExist where an object is there already
)

// IfVersion is the condition that the object is still the one whose Reader gave that version: Close returns ErrChanged where it is not.
// Of several writers that saw the same version one succeeds.
func IfVersion(v string) Condition { return ifVersion + Condition(v) }

const ifVersion Condition = "if version "

// Version returns the version of IfVersion, and whether the condition is one.
func (c Condition) Version() (string, bool) {
	v, ok := strings.CutPrefix(string(c), string(ifVersion))
	return v, ok
}

// A Store is a directory of objects, local or remote.
type Store interface {
	Open(ctx context.Context, name string) (Reader, error)
	Create(ctx context.Context, name string, c Condition) (Writer, error)
	// List returns the objects whose names begin with prefix, sorted by name, at any depth.
	List(ctx context.Context, prefix string) ([]Object, error)
	Stat(ctx context.Context, name string) (Object, error)
	// Rename gives an object its final name; ErrExist where one has it already.
	Rename(ctx context.Context, from, to string) error
	// Remove deletes an object; one that is not there is no error.
	Remove(ctx context.Context, name string) error
	// Sweep removes what writers of objects below a directory ("." is the store) left when they died, and directories that hold nothing.
	// A writer that lives fails.
	Sweep(ctx context.Context, dir string) error
	// Lock takes the exclusive lock of that name, which is no object, for this process, without waiting: ErrLocked, with who holds it,
	// where another does. It ends with unlock or with the process.
	Lock(ctx context.Context, name string) (unlock func(), err error)
	// URL names the store or, with a name, an object of it, for messages.
	URL(name string) string
}
