package part

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// writeKeys writes a keys file: the keys in ascending order of their bytes, 16 bytes each, and nothing else.
func writeKeys(ctx context.Context, st storage.Store, name string, keys map[Key]struct{}) (schemas.FileRef, error) {
	sorted := slices.SortedFunc(maps.Keys(keys), func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	dst, err := st.Create(ctx, name, storage.IfAbsent)
	if err != nil {
		return schemas.FileRef{}, err
	}
	d := &digester{dst: dst, sum: sha256.New()}
	buf := bufio.NewWriter(d)
	for _, k := range sorted {
		buf.Write(k[:]) // the error stays with buf
	}
	if err := buf.Flush(); err != nil {
		dst.Abort()
		return schemas.FileRef{}, err
	}
	if err := dst.Close(); err != nil {
		return schemas.FileRef{}, err
	}
	return d.ref(), nil
}

// Keys calls each for every key of a keys file, in order, until it returns an error. A file of another size than ref's, or one whose
// keys do not ascend, is an error.
func Keys(ctx context.Context, st storage.Store, ref schemas.FileRef, each func(Key) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := st.Open(ctx, ref.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	if r.Size() != ref.Bytes || ref.Bytes%int64(len(Key{})) != 0 {
		return fmt.Errorf("%s has %d bytes, the manifest says %d, 16 a key", st.URL(ref.Path), r.Size(), ref.Bytes)
	}
	src := bufio.NewReaderSize(io.NewSectionReader(r, 0, r.Size()), 1<<18)
	var last Key
	for i := int64(0); i < ref.Bytes/int64(len(last)); i++ {
		var k Key
		if _, err := io.ReadFull(src, k[:]); err != nil {
			return fmt.Errorf("%s: key %d: %w", st.URL(ref.Path), i, err)
		}
		if i > 0 && bytes.Compare(last[:], k[:]) >= 0 {
			return fmt.Errorf("%s: key %d does not come after the one before it", st.URL(ref.Path), i)
		}
		if err := each(k); err != nil {
			return err
		}
		last = k
	}
	return nil
}
