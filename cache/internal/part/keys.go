package part

import (
	"bufio"
	"bytes"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"
	"sort"

	"github.com/steelyard-ml/steelyard/cache/internal/table"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// writeKeys writes a keys file: the keys in ascending order of their bytes, 16 bytes each, and nothing else.
func writeKeys(ctx context.Context, st storage.Store, name string, keys map[Key]struct{}) (schemas.FileRef, error) {
	dst, err := st.Create(ctx, name, storage.IfAbsent)
	if err != nil {
		return schemas.FileRef{}, err
	}
	d := &digester{dst: dst, sum: sha256.New()}
	if _, err := d.Write(KeyBytes(slices.Collect(maps.Keys(keys)))); err != nil {
		dst.Abort()
		return schemas.FileRef{}, err
	}
	if err := dst.Close(); err != nil {
		return schemas.FileRef{}, err
	}
	return d.ref(), nil
}

// KeyBytes returns the content of the keys file of a part that has these keys, in any order.
func KeyBytes(keys []Key) []byte {
	sorted := slices.SortedFunc(slices.Values(keys), func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	out := make([]byte, 0, len(sorted)*len(Key{}))
	for _, k := range sorted {
		out = append(out, k[:]...)
	}
	return out
}

// A KeySet is a mapped keys file. It is safe for concurrent use.
type KeySet struct{ t *table.Table }

// MapKeys maps a keys file. A file of another size than ref's is an error; that its keys ascend is taken on trust.
func MapKeys(ctx context.Context, st storage.Store, ref schemas.FileRef) (*KeySet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := st.Open(ctx, ref.Path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size() != ref.Bytes {
		return nil, fmt.Errorf("%s has %d bytes, the manifest says %d", st.URL(ref.Path), r.Size(), ref.Bytes)
	}
	t, err := table.MapSource(r, len(Key{}))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", st.URL(ref.Path), err)
	}
	return &KeySet{t}, nil
}

// Len returns the number of keys.
func (s *KeySet) Len() int { return s.t.Len() }

// At returns key i.
func (s *KeySet) At(i int) Key { return Key(s.t.Record(i)) }

// Close removes the mapping.
func (s *KeySet) Close() error { return s.t.Close() }

// Has reports whether a key is in the set. Keys are hashes, so a key's own value tells about where it is: the search begins there and
// widens, which touches one page or two of the file where a search by halves touches one a step.
func (s *KeySet) Has(k Key) bool {
	n := s.t.Len()
	if n == 0 {
		return false
	}
	before := func(i int) bool { return bytes.Compare(s.t.Record(i), k[:]) < 0 }
	guess, _ := bits.Mul64(binary.BigEndian.Uint64(k[:]), uint64(n))
	lo, hi := 0, n // the first key that does not come before k is in lo..hi
	step := 16
	if i := int(guess); before(i) {
		for lo = i + 1; i+step < n && before(i+step); step *= 2 {
			i += step
			lo = i + 1
		}
		hi = min(i+step, n)
	} else {
		for hi = i; i-step >= 0 && !before(i-step); step *= 2 {
			i -= step
			hi = i
		}
		lo = max(i-step+1, 0)
	}
	at := lo + sort.Search(hi-lo, func(i int) bool { return !before(lo + i) })
	return at < n && s.At(at) == k
}

// MergeKeys returns the keys of several sets as one, each once, in a mapped temporary file: a look-up takes a fraction of a microsecond in
// one set, and that much a set in a thousand. The sets may be closed afterwards. An error is of the temporary file or of ctx.
func MergeKeys(ctx context.Context, sets []*KeySet) (*KeySet, error) {
	var h heads
	for _, s := range sets {
		if s.Len() > 0 {
			h = append(h, head{s.number(0), s, 1})
		}
	}
	heap.Init(&h)
	t, err := table.Temporary(len(Key{}), func(w io.Writer) error {
		var buf []byte
		for last, n := [2]uint64{}, 0; len(h) > 0; n++ {
			first := &h[0]
			if n == 0 || first.key != last {
				last = first.key
				buf = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(buf, last[0]), last[1])
			}
			if first.next < first.set.Len() {
				first.key = first.set.number(first.next)
				first.next++
				heap.Fix(&h, 0)
			} else {
				heap.Pop(&h)
			}
			if len(buf) < 1<<16 && len(h) > 0 {
				continue
			}
			if _, err := w.Write(buf); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			buf = buf[:0]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &KeySet{t}, nil
}

// number returns key i as two numbers, which compare as the keys do and faster.
func (s *KeySet) number(i int) [2]uint64 {
	k := s.t.Record(i)
	return [2]uint64{binary.BigEndian.Uint64(k), binary.BigEndian.Uint64(k[8:])}
}

// A head is the first key of a set that is not merged yet.
type head struct {
	key  [2]uint64
	set  *KeySet
	next int // the key after it
}

// heads is a heap, the least key first.
type heads []head

func (h heads) Len() int      { return len(h) }
func (h heads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h heads) Less(i, j int) bool {
	return h[i].key[0] < h[j].key[0] || h[i].key[0] == h[j].key[0] && h[i].key[1] < h[j].key[1]
}
func (h *heads) Push(x any) { *h = append(*h, x.(head)) }
func (h *heads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
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
