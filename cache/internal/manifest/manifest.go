package manifest

import (
	"context"
	"errors"
	"fmt"

	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// New is the manifest of a run that names nothing yet.
func New(run schemas.Run) schemas.Manifest {
	return schemas.Manifest{
		FormatVersion:    schemas.FormatVersion,
		MinReaderVersion: schemas.MinReaderVersion,
		Program:          run.Program,
		Fingerprint:      run.Fingerprint,
		Parts:            []schemas.Part{}, // [] in JSON, not null
		Views:            []schemas.ViewRef{},
	}
}

// Files lists the files that a manifest names.
func Files(m schemas.Manifest) []schemas.FileRef {
	var out []schemas.FileRef
	for _, p := range m.Parts {
		out = append(out, p.FileRef, p.Keys)
	}
	for _, v := range m.Views {
		out = append(out, v.Info)
		for _, p := range v.Parts {
			out = append(out, p.FileRef)
		}
	}
	return out
}

// ErrConflict is returned by Replace where the manifest is not the one that it should replace.
var ErrConflict = errors.New("the manifest was changed meanwhile")

// Replace writes a manifest under its digest and then as the newest, in the place of the one that has that version: "" is none.
func Replace(ctx context.Context, st storage.Store, m schemas.Manifest, version string) error {
	b, err := layout.Encode(m)
	if err != nil {
		return err
	}
	if err := layout.Put(ctx, st, layout.Manifest(layout.Digest(b)), b, storage.Replace); err != nil {
		return err
	}
	condition := storage.IfAbsent
	if version != "" {
		condition = storage.IfVersion(version)
	}
	err = layout.Put(ctx, st, layout.Newest, b, condition)
	if errors.Is(err, storage.ErrExist) || errors.Is(err, storage.ErrChanged) {
		return ErrConflict
	}
	return err
}

// RemoveUnnamed removes parts of values, keys and views, of runs that are chosen, which neither the manifest nor an older snapshot names:
// they must not lie where other programs read all files as one table.
func RemoveUnnamed(ctx context.Context, st storage.Store, of func(run string) bool, m schemas.Manifest) error {
	named := map[string]bool{}
	name := func(m schemas.Manifest) {
		for _, f := range Files(m) {
			named[f.Path] = true
		}
	}
	name(m)
	var unnamed []string
	for _, prefix := range []string{"keys/", "values/", "views/"} {
		objects, err := st.List(ctx, prefix)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if run, ok := layout.ParsePart(o.Name); ok && of(run) && !named[o.Name] {
				unnamed = append(unnamed, o.Name)
			}
		}
	}
	if unnamed == nil {
		return nil
	}
	if err := History(ctx, st, m, name); err != nil {
		return err
	}
	for _, path := range unnamed {
		if named[path] {
			continue
		}
		if err := st.Remove(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// History calls each for a manifest and for those that it grew from, as far back as they are kept. A manifest that no other grew from, and
// that is not the newest, was never in force.
func History(ctx context.Context, st storage.Store, m schemas.Manifest, each func(m schemas.Manifest)) error {
	for {
		each(m)
		if m.Previous == "" {
			return nil
		}
		b, err := layout.Get(ctx, st, layout.Manifest(m.Previous))
		if errors.Is(err, storage.ErrNotExist) {
			return nil // gc has removed it
		}
		if err != nil {
			return err
		}
		place := st.URL(layout.Manifest(m.Previous))
		if layout.Digest(b) != m.Previous {
			return fmt.Errorf("%w: the SHA-256 of %s is not its name; steelyard verify tells what to do", layout.ErrDamaged, place)
		}
		if m, err = Decode(place, b); err != nil {
			return err
		}
	}
}

// Decode decodes a manifest that this program can read.
func Decode(place string, b []byte) (m schemas.Manifest, err error) {
	// The version first: a newer format may have other types in the same fields.
	var version struct {
		Format    int `json:"format_version"`
		MinReader int `json:"min_reader_version"`
	}
	if err := layout.Decode(place, b, &version); err != nil {
		return m, err
	}
	if version.MinReader > schemas.FormatVersion {
		return m, fmt.Errorf("%w: %s has format version %d and needs a reader of %d; this program reads up to %d: use a newer steelyard", part.ErrVersion, place, version.Format, version.MinReader, schemas.FormatVersion)
	}
	if version.Format < 1 || version.MinReader < 1 {
		return m, fmt.Errorf("%w: %s has no format_version or no min_reader_version", layout.ErrDamaged, place)
	}
	return m, layout.Decode(place, b, &m)
}

// ReadView reads the description of a view.
func ReadView(ctx context.Context, st storage.Store, ref schemas.FileRef) (v schemas.View, err error) {
	b, err := layout.Get(ctx, st, ref.Path)
	if errors.Is(err, storage.ErrNotExist) {
		return v, fmt.Errorf("%w: %w", layout.ErrDamaged, err)
	}
	if err != nil {
		return v, err
	}
	if got := layout.Digest(b); got != ref.SHA256 {
		return v, fmt.Errorf("%w: %s has the SHA-256 %s, the manifest says %s", layout.ErrDamaged, st.URL(ref.Path), got, ref.SHA256)
	}
	return v, layout.Decode(st.URL(ref.Path), b, &v)
}
