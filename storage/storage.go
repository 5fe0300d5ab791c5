package storage

import (
	"context"
	"errors"
	"io"
)

// Errors of a Store, to be tested with errors.Is.
var (
	// ErrNotExist is returned when a named object is not there.
	ErrNotExist = errors.New("storage: no such object")
	// ErrExist is returned by Create with IfAbsent and by Rename when the target is already there.
	ErrExist = errors.New("storage: object exists already")
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
type Condition int

// Conditions of Create.
const (
	Replace  Condition = iota // an existing object is replaced atomically
	IfAbsent                  // Close returns ErrExist where an object is there already
)

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
	// URL names the store or, with a name, an object of it, for messages.
	URL(name string) string
}
