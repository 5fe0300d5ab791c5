package trainer

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/steelyard-ml/steelyard/schemas"
)

// distinctRows are the rows of a data set without its repeats: of rows with the same pair id the first stays. The numbers of those
// that stay are in a file, eight bytes each, so that memory does not grow with the rows.
type distinctRows struct {
	all  rows
	kept *os.File
	n    int
}

func (d distinctRows) Len() int { return d.n }

func (d distinctRows) At(ctx context.Context, i int) (schemas.CachedPair, error) {
	var raw [8]byte
	if _, err := d.kept.ReadAt(raw[:], 8*int64(i)); err != nil {
		return schemas.CachedPair{}, fmt.Errorf("trainer: dedupe: %w", err)
	}
	return d.all.At(ctx, int(binary.LittleEndian.Uint64(raw[:])))
}

// distinct finds the rows that are no repeats, in a pass over all, and keeps their numbers in the file path. It needs 32 to 64 bytes a
// row of scratch space beside it.
func distinct(ctx context.Context, all rows, path string) (d distinctRows, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("trainer: dedupe: %w", err)
		}
	}()
	seen, err := newIDSet(path+".scratch", all.Len())
	if err != nil {
		return d, err
	}
	defer seen.close()
	kept, err := os.Create(path)
	if err != nil {
		return d, err
	}
	d = distinctRows{all: all, kept: kept}
	for i := range all.Len() {
		row, err := all.At(ctx, i)
		if err != nil {
			return d, errors.Join(err, kept.Close())
		}
		fresh, err := seen.add(row.ID)
		if err == nil && fresh {
			_, err = kept.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(i)), 8*int64(d.n))
			d.n++
		}
		if err != nil {
			return d, errors.Join(err, kept.Close())
		}
	}
	return d, nil
}

// An idSet is a set of pair ids in a file: a hash table with open addressing, at most half full. The ids are hashes already, so their
// first bytes say where they belong; a slot of zeros is free.
type idSet struct {
	f    *os.File
	mask uint64 // slots − 1
}

const idBytes = 16

func newIDSet(path string, most int) (*idSet, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	s := &idSet{f: f, mask: 1}
	for s.mask+1 < 2*uint64(most) {
		s.mask = 2*s.mask + 1
	}
	if err := f.Truncate(int64(s.mask+1) * idBytes); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// add puts an id into the set and says whether it was not there yet.
func (s *idSet) add(id schemas.PairID) (fresh bool, err error) {
	key, err := hex.DecodeString(id)
	if err != nil || len(key) != idBytes {
		return false, fmt.Errorf("%q is no pair id", id)
	}
	var slot [idBytes]byte
	for i := binary.LittleEndian.Uint64(key); ; i++ {
		at := int64(i&s.mask) * idBytes
		if _, err := s.f.ReadAt(slot[:], at); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		switch slot {
		case [idBytes]byte(key):
			return false, nil
		case [idBytes]byte{}:
			_, err := s.f.WriteAt(key, at)
			return true, err
		}
	}
}

func (s *idSet) close() {
	s.f.Close()
	os.Remove(s.f.Name())
}
