package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// Errors of a cache, to be tested with errors.Is.
var (
	// ErrNoCache is returned by Open for a directory without manifest.json. Let precompute finish, or name the right directory.
	ErrNoCache = errors.New("not a cache")
	// ErrCacheExists is returned by Begin for a directory that a new run may not claim: a cache, another run's leftovers, or something
	// that is none of ours. Name another directory, or remove this one.
	ErrCacheExists = errors.New("the directory is taken")
	// ErrVersion is returned for a cache of a newer format than this program reads. Use a newer program.
	ErrVersion = part.ErrVersion
	// ErrDamaged is returned for a file that is not what the manifest says. Verify tells what is wrong and what to do.
	ErrDamaged = errors.New("the cache is damaged")
	// ErrMissingValue is returned by Index for a row of a view whose value no part has. Run precompute again over the same data.
	ErrMissingValue = errors.New("a row of the view has no value")
)

// LockName is the file by which a launcher holds a local cache (storage.LockLocal); it is no part of the cache.
const LockName = ".lock"

const manifestName = "manifest.json"

// Where the files of a cache lie; n counts from 0 in a run.
func manifestPath(digest string) string   { return "manifests/" + digest + ".json" }
func runPath(run string) string           { return "runs/" + run + ".json" }
func viewInfoPath(run string) string      { return "views/" + run + ".json" }
func valuesPath(run string, n int) string { return fmt.Sprintf("values/part-%s-%06d.parquet", run, n) }
func keysPath(run string, n int) string   { return fmt.Sprintf("keys/part-%s-%06d.keys", run, n) }
func viewPath(run string, n int) string   { return fmt.Sprintf("views/%s/part-%06d.parquet", run, n) }
func quarantinePath(run string, n int) string {
	return fmt.Sprintf("quarantine/%s/part-%06d.jsonl", run, n)
}
func stagedPath(run, name string) string { return "tmp/" + run + "/" + name }

// folders are those that a cache has.
var folders = []string{"keys/", "manifests/", "quarantine/", "runs/", "tmp/", "values/", "views/"}

var runID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// checkRun refuses ids that would not be one element of a path.
func checkRun(id string) error {
	if !runID.MatchString(id) {
		return fmt.Errorf("the run id %.100q is not 1 to 100 letters, digits, dots, dashes and underscores, the first a letter or digit", id)
	}
	return nil
}

// PairID returns the id of a tokenized pair, which docs/format.md defines: the first 16 bytes of SHA-256 over the three id lists, each as
// its length and its ids in little-endian int32, as 32 hex digits.
func PairID(prompt, chosen, rejected []int32) schemas.PairID {
	return part.KeyOf(prompt, chosen, rejected).String()
}

// encode returns a document as the JSON that is stored: indented, keys of maps sorted, a newline at the end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// digest is the SHA-256 of bytes in hex.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// put writes a small object.
func put(ctx context.Context, st storage.Store, name string, b []byte, c storage.Condition) error {
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

func putJSON(ctx context.Context, st storage.Store, name string, v any) error {
	b, err := encode(v)
	if err != nil {
		return fmt.Errorf("%s: %w", st.URL(name), err)
	}
	return put(ctx, st, name, b, storage.Replace)
}

// get reads a small object.
func get(ctx context.Context, st storage.Store, name string) ([]byte, error) {
	r, err := st.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, r.Size())
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("read %s: %w", st.URL(name), err)
	}
	return b, nil
}

// getJSON reads a document. Fields that this program does not know are left out: min_reader_version guards what may not be.
func getJSON(ctx context.Context, st storage.Store, name string, v any) error {
	b, err := get(ctx, st, name)
	if err != nil {
		return err
	}
	return decode(st.URL(name), b, v)
}

func decode(place string, b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %s is not the JSON it should be: %w", ErrDamaged, place, err)
	}
	return nil
}

// measure reads an object whole and returns its size and digest.
func measure(ctx context.Context, st storage.Store, name string) (schemas.FileRef, error) {
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
