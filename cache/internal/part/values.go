package part

import (
	"context"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// Values writes a part of values with its keys. It holds 16 bytes a row in memory.
type Values struct {
	st       storage.Store
	keysName string
	// One of these is set: with token columns or without.
	full *Writer[Value]
	sums *Writer[sums]
	keys map[Key]struct{}
}

// CreateValues begins a part of values and, at Close, its keys file. Without tokenLogps the token columns are absent.
func CreateValues(ctx context.Context, st storage.Store, name, keysName string, f Footer, b Bounds, columns Columns) (*Values, error) {
	v := &Values{st: st, keysName: keysName, keys: map[Key]struct{}{}}
	var err error
	if columns == WithTokenLogps {
		v.full, err = create[Value](ctx, st, name, f, valueSchema, b, pageBytes)
	} else {
		v.sums, err = create[sums](ctx, st, name, f, sumsSchema, b, pageBytes)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Columns says which columns a part of values has.
type Columns int

// The choices of columns.
const (
	SumsOnly       Columns = iota // the token columns are absent
	WithTokenLogps                // every column
)

// Has reports whether the part has a row of that key.
func (v *Values) Has(k Key) bool {
	_, ok := v.keys[k]
	return ok
}

// Write appends a row whose key is k and which the part does not have yet.
func (v *Values) Write(k Key, row Value) error {
	v.keys[k] = struct{}{}
	if v.full != nil {
		return v.full.Write(row, row.Bytes())
	}
	row.RefChosenTokenLogps, row.RefRejectedTokenLogps = nil, nil
	return v.sums.Write(row.sums(), row.Bytes())
}

// Rows returns how many rows were written.
func (v *Values) Rows() int64 { return int64(len(v.keys)) }

// Full reports whether the part may hold no more row groups.
func (v *Values) Full() bool {
	if v.full != nil {
		return v.full.Full()
	}
	return v.sums.Full()
}

// Close publishes the part and then its keys; the FileRefs have no path.
func (v *Values) Close(ctx context.Context) (part, keys schemas.FileRef, err error) {
	if v.full != nil {
		part, _, err = v.full.Close()
	} else {
		part, _, err = v.sums.Close()
	}
	if err == nil {
		keys, err = writeKeys(ctx, v.st, v.keysName, v.keys)
	}
	return part, keys, err
}

// Abort drops the part.
func (v *Values) Abort() {
	if v.full != nil {
		v.full.Abort()
	} else {
		v.sums.Abort()
	}
}
