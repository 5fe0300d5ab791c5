package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// A Snapshot is a cache as one manifest names it. Runs that add to the cache later do not change it. It is safe for concurrent use.
type Snapshot struct {
	st       storage.Store
	digest   string
	manifest schemas.Manifest
	views    []schemas.View // as manifest.Views
}

// Open returns the newest snapshot of a cache. Every file that it names must be there with its size; digests are left to Verify.
func Open(ctx context.Context, st storage.Store) (*Snapshot, error) {
	s, err := open(ctx, st)
	if err == nil {
		err = s.checkSizes(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("cache: open: %w", err)
	}
	return s, nil
}

// OpenDigest returns the snapshot of that digest, as a training run recorded it, however the cache has grown since.
func OpenDigest(ctx context.Context, st storage.Store, digest string) (*Snapshot, error) {
	s, err := openDigest(ctx, st, digest)
	if err == nil {
		err = s.checkSizes(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("cache: open snapshot %s: %w", digest, err)
	}
	return s, nil
}

// open reads the newest manifest and the views that it names.
func open(ctx context.Context, st storage.Store) (*Snapshot, error) {
	b, err := get(ctx, st, manifestName)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no manifest.json; name the directory of a cache, or let precompute finish there", ErrNoCache, st.URL(""))
	}
	if err != nil {
		return nil, err
	}
	d := digest(b)
	if _, err := st.Stat(ctx, manifestPath(d)); errors.Is(err, storage.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not what was written, for its SHA-256 %s is no snapshot; copy the newest file of %s over it", ErrDamaged, st.URL(manifestName), d, st.URL("manifests"))
	} else if err != nil {
		return nil, err
	}
	return newSnapshot(ctx, st, manifestName, b)
}

func openDigest(ctx context.Context, st storage.Store, want string) (*Snapshot, error) {
	name := manifestPath(want)
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%q is not the digest of a snapshot", want)
	}
	b, err := get(ctx, st, name)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no such snapshot; it was removed, or this is another cache", ErrNoCache, st.URL(""))
	}
	if err != nil {
		return nil, err
	}
	if got := digest(b); got != want {
		return nil, fmt.Errorf("%w: %s has the SHA-256 %s", ErrDamaged, st.URL(name), got)
	}
	return newSnapshot(ctx, st, name, b)
}

// newSnapshot decodes a manifest and reads the descriptions of its views.
func newSnapshot(ctx context.Context, st storage.Store, name string, b []byte) (*Snapshot, error) {
	m, err := decodeManifest(st.URL(name), b)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{st: st, digest: digest(b), manifest: m}
	for _, v := range m.Views {
		view, err := readView(ctx, st, v.Info)
		if err != nil {
			return nil, err
		}
		s.views = append(s.views, view)
	}
	return s, nil
}

// decodeManifest decodes a manifest that this program can read.
func decodeManifest(place string, b []byte) (m schemas.Manifest, err error) {
	// The version first: a newer format may have other types in the same fields.
	var version struct {
		Format    int `json:"format_version"`
		MinReader int `json:"min_reader_version"`
	}
	if err := decode(place, b, &version); err != nil {
		return m, err
	}
	if version.MinReader > schemas.FormatVersion {
		return m, fmt.Errorf("%w: %s has format version %d and needs a reader of %d; this program reads up to %d: use a newer steelyard", ErrVersion, place, version.Format, version.MinReader, schemas.FormatVersion)
	}
	if version.Format < 1 || version.MinReader < 1 {
		return m, fmt.Errorf("%w: %s has no format_version or no min_reader_version", ErrDamaged, place)
	}
	return m, decode(place, b, &m)
}

// readView reads the description of a view.
func readView(ctx context.Context, st storage.Store, ref schemas.FileRef) (v schemas.View, err error) {
	b, err := get(ctx, st, ref.Path)
	if errors.Is(err, storage.ErrNotExist) {
		return v, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return v, err
	}
	if got := digest(b); got != ref.SHA256 {
		return v, fmt.Errorf("%w: %s has the SHA-256 %s, the manifest says %s", ErrDamaged, st.URL(ref.Path), got, ref.SHA256)
	}
	return v, decode(st.URL(ref.Path), b, &v)
}

// checkSizes compares the files that are there with those that the manifest names.
func (s *Snapshot) checkSizes(ctx context.Context) error {
	sizes := map[string]int64{}
	for _, prefix := range []string{"values/", "keys/", "views/"} {
		objects, err := s.st.List(ctx, prefix)
		if err != nil {
			return err
		}
		for _, o := range objects {
			sizes[o.Name] = o.Size
		}
	}
	for _, f := range files(s.manifest) {
		size, ok := sizes[f.Path]
		if !ok {
			return fmt.Errorf("%w: %s is missing; steelyard verify tells all that is", ErrDamaged, s.st.URL(f.Path))
		}
		if size != f.Bytes {
			return fmt.Errorf("%w: %s has %d bytes, the manifest says %d; steelyard verify tells all that is", ErrDamaged, s.st.URL(f.Path), size, f.Bytes)
		}
	}
	return nil
}

// Manifest returns what the snapshot names. Its slices are shared and must not be changed.
func (s *Snapshot) Manifest() schemas.Manifest { return s.manifest }

// Digest names the snapshot: 64 hex digits, the SHA-256 of its manifest.
func (s *Snapshot) Digest() string { return s.digest }

// ViewInfo returns how a view was made; "" is the newest.
func (s *Snapshot) ViewInfo(name string) (schemas.View, error) {
	i, err := s.view(name)
	if err != nil {
		return schemas.View{}, err
	}
	return s.views[i], nil
}

// view returns the number of a view; "" is the newest.
func (s *Snapshot) view(name string) (int, error) {
	var names []string
	for i, v := range s.manifest.Views {
		if v.Name == name {
			return i, nil
		}
		names = append(names, v.Name)
	}
	if n := len(names); name == "" && n > 0 {
		return n - 1, nil
	}
	return 0, fmt.Errorf("cache: %s has no view %q; it has %q", s.st.URL(""), name, names)
}
