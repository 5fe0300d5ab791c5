package part

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// Lines writes a quarantine file: rows that were not scored, one JSON object a line.
type Lines struct {
	dst    storage.Writer
	digest *digester
	buf    *bufio.Writer
	lines  *json.Encoder
}

// CreateLines begins a quarantine file.
func CreateLines(ctx context.Context, st storage.Store, name string) (*Lines, error) {
	dst, err := st.Create(ctx, name, storage.IfAbsent)
	if err != nil {
		return nil, err
	}
	l := &Lines{dst: dst, digest: &digester{dst: dst, sum: sha256.New()}}
	l.buf = bufio.NewWriter(l.digest)
	l.lines = json.NewEncoder(l.buf)
	l.lines.SetEscapeHTML(false)
	return l, nil
}

// Write appends a row. Raw is cut to schemas.RawLimit.
func (l *Lines) Write(q schemas.Quarantined) error {
	q.Raw = q.Raw[:min(len(q.Raw), schemas.RawLimit)]
	return l.lines.Encode(q)
}

// Close publishes the file; the FileRef has no path.
func (l *Lines) Close() (schemas.FileRef, error) {
	if err := l.buf.Flush(); err != nil {
		l.dst.Abort()
		return schemas.FileRef{}, err
	}
	if err := l.dst.Close(); err != nil {
		return schemas.FileRef{}, err
	}
	return l.digest.ref(), nil
}

// Abort drops the file.
func (l *Lines) Abort() { l.dst.Abort() }

// FirstMalformed returns the first row of a quarantine file that counts as malformed, and whether there is one.
func FirstMalformed(ctx context.Context, st storage.Store, name string) (schemas.Quarantined, bool, error) {
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
			return q, false, fmt.Errorf("%s: %w", st.URL(name), err)
		case schemas.Malformed(q.Code):
			return q, true, nil
		}
	}
}
