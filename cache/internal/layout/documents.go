package layout

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// ErrDamaged is returned for a file that is not what the manifest says.
var ErrDamaged = errors.New("the cache is damaged")

// Encode returns a document as the JSON that is stored: indented, keys of maps sorted, a newline at the end.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Digest is the SHA-256 of bytes in hex.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Put writes a small object.
func Put(ctx context.Context, st storage.Store, name string, b []byte, c storage.Condition) error {
	w, err := st.Create(ctx, name, c)
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		w.Abort()
		return err
	}
	return w.Close()
}

func PutJSON(ctx context.Context, st storage.Store, name string, v any) error {
	b, err := Encode(v)
	if err != nil {
		return fmt.Errorf("%s: %w", st.URL(name), err)
	}
	return Put(ctx, st, name, b, storage.Replace)
}

// Get reads a small object.
func Get(ctx context.Context, st storage.Store, name string) ([]byte, error) {
	b, _, err := GetVersion(ctx, st, name)
	return b, err
}

// GetVersion reads a small object and returns its version, for storage.IfVersion.
func GetVersion(ctx context.Context, st storage.Store, name string) (b []byte, version string, err error) {
	r, err := st.Open(ctx, name)
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	b = make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, "", fmt.Errorf("read %s: %w", st.URL(name), err)
	}
	return b, r.Version(), nil
}

// GetJSON reads a document. Fields that this program does not know are left out: min_reader_version guards what may not be.
func GetJSON(ctx context.Context, st storage.Store, name string, v any) error {
	b, err := Get(ctx, st, name)
	if err != nil {
		return err
	}
	return Decode(st.URL(name), b, v)
}

func Decode(place string, b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %s is not the JSON it should be: %w", ErrDamaged, place, err)
	}
	return nil
}

// Measure reads an object whole and returns its size and digest.
func Measure(ctx context.Context, st storage.Store, name string) (schemas.FileRef, error) {
	r, err := st.Open(ctx, name)
	if err != nil {
		return schemas.FileRef{}, err
	}
	defer r.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for off := int64(0); off < r.Size(); {
		if err := ctx.Err(); err != nil {
			return schemas.FileRef{}, err
		}
		n, err := r.ReadAt(buf[:min(int64(len(buf)), r.Size()-off)], off)
		if n == 0 {
			return schemas.FileRef{}, fmt.Errorf("read %s at %d: %w", st.URL(name), off, errors.Join(err, io.ErrUnexpectedEOF))
		}
		h.Write(buf[:n])
		off += int64(n)
	}
	return schemas.FileRef{Path: name, Bytes: r.Size(), SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// ReadRuns returns the records of the runs of a cache, by id, which is by time.
func ReadRuns(ctx context.Context, st storage.Store) ([]schemas.Run, error) {
	objects, err := st.List(ctx, "runs/")
	if err != nil {
		return nil, err
	}
	var out []schemas.Run
	for _, o := range objects {
		var r schemas.Run
		if err := GetJSON(ctx, st, o.Name, &r); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
