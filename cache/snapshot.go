package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// A Snapshot is a cache as one manifest names it. Runs that add to the cache later do not change it. It is safe for concurrent use.
type Snapshot struct {
	st       storage.Store
	digest   string
	version  string // of manifest.json as it was read, for storage.IfVersion; "" where the snapshot was opened by its digest
	manifest schemas.Manifest
	views    []schemas.View // as manifest.Views
	faults   []error        // what is wrong with a view, as manifest.Views; nil where nothing is known to be
}

// Open returns the newest snapshot of a cache. Every part that it names, and its keys, must be there with their sizes; a view whose files
// are not what they should be is refused when it is asked for, and stands in no other's way. Digests of parts are left to Verify.
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
	b, version, err := layout.GetVersion(ctx, st, layout.Newest)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no manifest.json; name the directory of a cache, or let precompute finish there", ErrNoCache, st.URL(""))
	}
	if err != nil {
		return nil, err
	}
	d := layout.Digest(b)
	if _, err := st.Stat(ctx, layout.Manifest(d)); errors.Is(err, storage.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not what was written, for its SHA-256 %s is no snapshot; copy the newest file of %s over it", ErrDamaged, st.URL(layout.Newest), d, st.URL("manifests"))
	} else if err != nil {
		return nil, err
	}
	s, err := newSnapshot(ctx, st, layout.Newest, b)
	if err != nil {
		return nil, err
	}
	s.version = version
	return s, nil
}

// openNewest is open that returns nil where there is no cache.
func openNewest(ctx context.Context, st storage.Store) (*Snapshot, error) {
	s, err := open(ctx, st)
	if errors.Is(err, ErrNoCache) {
		return nil, nil
	}
	return s, err
}

// digestOrNone is the digest, or "" of a nil Snapshot.
func (s *Snapshot) digestOrNone() string {
	if s == nil {
		return ""
	}
	return s.digest
}

// versionOrNone is the version of the manifest, or "" of a nil Snapshot.
func (s *Snapshot) versionOrNone() string {
	if s == nil {
		return ""
	}
	return s.version
}

// has reports whether the snapshot has the view of a run.
func (s *Snapshot) has(run string) bool {
	return slices.ContainsFunc(s.manifest.Views, func(v schemas.ViewRef) bool { return v.Name == run })
}

func openDigest(ctx context.Context, st storage.Store, want string) (*Snapshot, error) {
	name := layout.Manifest(want)
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%q is not the digest of a snapshot", want)
	}
	b, err := layout.Get(ctx, st, name)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no such snapshot; it was removed, or this is another cache", ErrNoCache, st.URL(""))
	}
	if err != nil {
		return nil, err
	}
	if got := layout.Digest(b); got != want {
		return nil, fmt.Errorf("%w: %s has the SHA-256 %s", ErrDamaged, st.URL(name), got)
	}
	return newSnapshot(ctx, st, name, b)
}

// newSnapshot decodes a manifest and reads the descriptions of its views. A damaged one is that view's fault.
func newSnapshot(ctx context.Context, st storage.Store, name string, b []byte) (*Snapshot, error) {
	m, err := manifest.Decode(st.URL(name), b)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{st: st, digest: layout.Digest(b), manifest: m, views: make([]schemas.View, len(m.Views)), faults: make([]error, len(m.Views))}
	for i, v := range m.Views {
		s.views[i], err = manifest.ReadView(ctx, st, v.Info)
		if errors.Is(err, ErrDamaged) {
			s.faults[i] = err
		} else if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// checkSizes compares the files that are there with those that the manifest names. An error is of parts; what is wrong with a view is kept
// with it.
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
	check := func(f schemas.FileRef) error {
		switch size, ok := sizes[f.Path]; {
		case !ok:
			return fmt.Errorf("%w: %s is missing; steelyard verify tells all that is", ErrDamaged, s.st.URL(f.Path))
		case size != f.Bytes:
			return fmt.Errorf("%w: %s has %d bytes, the manifest says %d; steelyard verify tells all that is", ErrDamaged, s.st.URL(f.Path), size, f.Bytes)
		}
		return nil
	}
	for _, p := range s.manifest.Parts {
		if err := cmp.Or(check(p.FileRef), check(p.Keys)); err != nil {
			return err
		}
	}
	for i, v := range s.manifest.Views {
		for _, p := range v.Parts {
			if s.faults[i] == nil {
				s.faults[i] = check(p.FileRef)
			}
		}
	}
	return nil
}

// Manifest returns what the snapshot names. Its slices are shared and must not be changed.
func (s *Snapshot) Manifest() schemas.Manifest { return s.manifest }

// Digest names the snapshot: 64 hex digits, the SHA-256 of its manifest.
func (s *Snapshot) Digest() string { return s.digest }

// grow returns a manifest that names what the snapshot names and is to name more.
func (s *Snapshot) grow(run schemas.Run) schemas.Manifest {
	m := manifest.New(run)
	m.Previous = s.digest
	m.Fingerprint = s.manifest.Fingerprint // the same digests; the details are those of the first run
	m.Parts = append(m.Parts, s.manifest.Parts...)
	m.Views = append(m.Views, s.manifest.Views...)
	return m
}
