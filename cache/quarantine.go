package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// quarantineFile writes rows that were not scored, one JSON object a line.
type quarantineFile struct {
	dst    storage.Writer
	digest hash.Hash
	staged Staged
}

func createQuarantine(ctx context.Context, st storage.Store, run string, first schemas.Source) (*quarantineFile, error) {
	staged := Staged{Name: "quarantine-" + unique() + ".jsonl", First: first}
	dst, err := st.Create(ctx, stagedPath(run, staged.Name), storage.IfAbsent)
	if err != nil {
		return nil, err
	}
	return &quarantineFile{dst, sha256.New(), staged}, nil
}

func (f *quarantineFile) write(q schemas.Quarantined) error {
	if len(q.Raw) > schemas.RawLimit {
		q.Raw = q.Raw[:schemas.RawLimit]
	}
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(q); err != nil {
		return err
	}
	if _, err := f.dst.Write(line.Bytes()); err != nil {
		return err
	}
	f.digest.Write(line.Bytes())
	f.staged.Bytes += int64(line.Len())
	f.staged.add(q.Source, Tally{Quarantined: []CodeCount{{q.Code, 1}}})
	return nil
}

func (f *quarantineFile) close() (Staged, error) {
	if err := f.dst.Close(); err != nil {
		return Staged{}, err
	}
	f.staged.SHA256 = hex.EncodeToString(f.digest.Sum(nil))
	return f.staged, nil
}

func (f *quarantineFile) abort() { f.dst.Abort() }

// firstMalformed returns the first row of a quarantine file that counts as malformed, and whether there is one.
func firstMalformed(ctx context.Context, st storage.Store, name string) (schemas.Quarantined, bool, error) {
	if err := ctx.Err(); err != nil {
		return schemas.Quarantined{}, false, err
	}
	r, err := st.Open(ctx, name)
	if err != nil {
		return schemas.Quarantined{}, false, err
	}
	defer r.Close()
	lines := json.NewDecoder(io.NewSectionReader(r, 0, r.Size()))
	for {
		var q schemas.Quarantined
		switch err := lines.Decode(&q); {
		case errors.Is(err, io.EOF):
			return q, false, nil
		case err != nil:
			return q, false, fmt.Errorf("%w: %s: %w", ErrDamaged, st.URL(name), err)
		case schemas.Malformed(q.Code):
			return q, true, nil
		}
	}
}
