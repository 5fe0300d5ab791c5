package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// An adoption brings the whole parts of dead runs into a snapshot. It may die anywhere: the files are moved first and the manifest comes
// after, so that the next adoption finds by its receipt what this one had moved.
type adoption struct {
	st    storage.Store
	run   schemas.Run      // for whom
	base  *Snapshot        // nil where there is no cache yet
	m     schemas.Manifest // base's, and what is adopted
	known *Known           // the pairs of m
	named map[string]bool  // the files of m
	left  map[string]bool  // dead runs of another reference, which are left alone
}

// adopt returns the snapshot that the run begins with: base, or one that has what dead runs finished as well. Everything else that they
// left goes. It is called under the lock, so that whoever left something is dead.
func (c *Claim) adopt(ctx context.Context, st storage.Store, base *Snapshot, run schemas.Run) (*Snapshot, error) {
	a := &adoption{st: st, run: run, base: base, known: &Known{}, named: map[string]bool{}, left: map[string]bool{}}
	defer func() { a.known.Close() }()
	a.m = manifest.New(run)
	if base != nil {
		a.m = base.grow(run)
	}
	a.m.Created = now()
	for _, f := range manifest.Files(a.m) {
		a.named[f.Path] = true
	}
	receipts, err := a.receipts(ctx)
	if err != nil {
		return nil, err
	}
	if base != nil && len(receipts) > 0 {
		known, err := base.Known(ctx)
		if err != nil {
			return nil, err
		}
		a.known = known
	}
	for _, r := range receipts {
		if err := c.take(ctx, a, r); err != nil {
			return nil, err
		}
	}
	snapshot := base
	if len(c.Adopted) > 0 {
		if snapshot, err = a.publish(ctx); err != nil {
			return nil, err
		}
	}
	return snapshot, a.clean(ctx, snapshot)
}

// A receipt says what a staged part should be.
type receipt struct {
	path string
	run  string
	Staged
}

// receipts returns what dead runs say they have finished, by run and then in the order of parts.
func (a *adoption) receipts(ctx context.Context) ([]receipt, error) {
	objects, err := a.st.List(ctx, "tmp/")
	if err != nil {
		return nil, err
	}
	var out []receipt
	for _, o := range objects {
		run, name, ok := layout.ParseReceipt(o.Name)
		if !ok {
			continue
		}
		r := receipt{path: o.Name, run: run}
		// A receipt that cannot be read, or is of another part, vouches for nothing: the part is as good as unfinished.
		if err := layout.GetJSON(ctx, a.st, o.Name, &r.Staged); errors.Is(err, ErrDamaged) || r.Name != name {
			r.Staged = Staged{Name: name}
		} else if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b receipt) int { return cmp.Or(strings.Compare(a.run, b.run), a.Staged.compare(b.Staged)) })
	return out, nil
}

// checkLost refuses a directory that was a cache and has lost its manifest.json: what no manifest names is removed when a run begins, and
// that would be all. A first run that died before it wrote manifest.json left receipts of every part that its snapshot names.
func checkLost(ctx context.Context, st storage.Store) error {
	snapshots, err := st.List(ctx, "manifests/")
	if err != nil || len(snapshots) == 0 {
		return err
	}
	staged, err := st.List(ctx, "tmp/")
	if err != nil {
		return err
	}
	received := map[string]bool{}
	for _, o := range staged {
		if run, name, ok := layout.ParseReceipt(o.Name); ok {
			received[layout.Values(run, name)] = true
		}
	}
	for _, o := range snapshots {
		b, err := layout.Get(ctx, st, o.Name)
		if err != nil {
			return err
		}
		m, err := manifest.Decode(st.URL(o.Name), b)
		if errors.Is(err, ErrDamaged) {
			continue
		}
		if err != nil {
			return err
		}
		for _, p := range m.Parts {
			if received[p.Path] {
				continue
			}
			if _, err := st.Stat(ctx, p.Path); err == nil {
				return fmt.Errorf("%w: %s is gone, and %s names parts that are there; steelyard verify --repair puts it back", ErrDamaged, st.URL(layout.Newest), st.URL(o.Name))
			} else if !errors.Is(err, storage.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// take adopts the part of a receipt if it is whole and has a pair that the cache lacks.
func (c *Claim) take(ctx context.Context, a *adoption, r receipt) error {
	p := schemas.Part{
		FileRef: schemas.FileRef{Path: layout.Values(r.run, r.Name), Bytes: r.Bytes, SHA256: r.SHA256},
		Run:     r.run,
		Rows:    r.Rows,
		Keys:    schemas.FileRef{Path: layout.Keys(r.run, r.Name), Bytes: r.KeysBytes, SHA256: r.KeysSHA256},
	}
	if a.named[p.Path] {
		return nil // adopted or committed before; its receipt outlived that
	}
	lacking, err := a.examine(ctx, r, p)
	switch {
	case errors.Is(err, part.ErrFingerprint) && a.base == nil:
		return fmt.Errorf("%w: %s holds parts that the run %s finished with another one (%w); go on with the model of that run, name another directory, or remove %s to drop them",
			ErrReference, a.st.URL(""), r.run, err, a.st.URL(layout.StagedDir(r.run)))
	case errors.Is(err, part.ErrFingerprint):
		a.left[r.run] = true
		return nil
	case errors.Is(err, ErrDamaged):
		c.Dropped = append(c.Dropped, err.Error())
		return nil
	case err != nil || !lacking:
		return err
	}
	for _, f := range []struct {
		kind layout.Kind
		ref  schemas.FileRef
	}{{layout.KindValues, p.FileRef}, {layout.KindKeys, p.Keys}} {
		if err := publish(ctx, a.st, layout.Staged(r.run, f.kind, r.Name), f.ref); err != nil {
			return err
		}
	}
	keys, err := part.MapKeys(ctx, a.st, p.Keys)
	if err != nil {
		return err
	}
	a.known.add(keys)
	a.m.Parts = append(a.m.Parts, p)
	if n := len(c.Adopted); n == 0 || c.Adopted[n-1].Run != r.run {
		c.Adopted = append(c.Adopted, schemas.Adopted{Run: r.run})
	}
	last := &c.Adopted[len(c.Adopted)-1]
	last.Parts++
	last.Rows += p.Rows
	return nil
}

// examine reads a part where it lies, under its staged or its final name, and reports whether it has a pair that the cache lacks.
// ErrDamaged if it is not what its receipt says.
func (a *adoption) examine(ctx context.Context, r receipt, p schemas.Part) (lacking bool, err error) {
	var at [2]schemas.FileRef
	for i, f := range []struct {
		kind layout.Kind
		ref  schemas.FileRef
	}{{layout.KindKeys, p.Keys}, {layout.KindValues, p.FileRef}} {
		for _, path := range []string{f.ref.Path, layout.Staged(r.run, f.kind, r.Name)} {
			got, err := layout.Measure(ctx, a.st, path)
			if errors.Is(err, storage.ErrNotExist) {
				at[i] = schemas.FileRef{}
				continue
			}
			if err != nil {
				return false, err
			}
			at[i] = got
			if got.Bytes == f.ref.Bytes && got.SHA256 == f.ref.SHA256 {
				break
			}
		}
		switch {
		case at[i].Path == "":
			return false, fmt.Errorf("%w: %s is gone", ErrDamaged, a.st.URL(layout.Staged(r.run, f.kind, r.Name)))
		case at[i].Bytes != f.ref.Bytes || at[i].SHA256 != f.ref.SHA256:
			return false, fmt.Errorf("%w: %s has %d bytes of SHA-256 %s, its receipt says %d of %q", ErrDamaged, a.st.URL(at[i].Path), at[i].Bytes, at[i].SHA256, f.ref.Bytes, f.ref.SHA256)
		}
	}
	p.Keys, p.FileRef = at[0], at[1]
	f, err := part.OpenValues(ctx, a.st, p, a.run.Fingerprint)
	if err != nil {
		return false, damaged(ctx, err)
	}
	f.Close()
	n := int64(0)
	err = part.Keys(ctx, a.st, p.Keys, func(k part.Key) error {
		n++
		lacking = lacking || !a.known.has(k)
		return nil
	})
	if err == nil && n != p.Rows {
		err = fmt.Errorf("%s has %d keys for %d rows", a.st.URL(p.Keys.Path), n, p.Rows)
	}
	if err != nil {
		return false, damaged(ctx, err)
	}
	return lacking, nil
}

// publish makes the manifest with the adopted parts the newest.
func (a *adoption) publish(ctx context.Context) (*Snapshot, error) {
	err := manifest.Replace(ctx, a.st, a.m, a.base.versionOrNone())
	if errors.Is(err, manifest.ErrConflict) {
		return nil, fmt.Errorf("%w: another process changed %s just now; run the same command again", ErrTaken, a.st.URL(layout.Newest))
	}
	if err != nil {
		return nil, err
	}
	return open(ctx, a.st)
}

// clean removes what dead runs left and records them as ended.
func (a *adoption) clean(ctx context.Context, s *Snapshot) error {
	left, err := a.st.List(ctx, "tmp/")
	if err != nil {
		return err
	}
	runs := map[string]bool{}
	for _, o := range left {
		run, _, _ := strings.Cut(strings.TrimPrefix(o.Name, "tmp/"), "/")
		if a.left[run] {
			continue
		}
		runs[run] = true
		if err := a.st.Remove(ctx, o.Name); err != nil {
			return err
		}
	}
	if len(a.left) == 0 {
		if err := a.st.Sweep(ctx, "tmp"); err != nil {
			return err
		}
	}
	if err := manifest.RemoveUnnamed(ctx, a.st, func(string) bool { return true }, a.m); err != nil {
		return err
	}
	return Settle(ctx, a.st, s)
}

// Settle ends the records of runs that say they are running, as whoever holds the lock of a cache may: they are dead. Those that the
// newest snapshot s, which may be nil, has the view of are done.
func Settle(ctx context.Context, st storage.Store, s *Snapshot) error {
	runs, err := layout.ReadRuns(ctx, st)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.State != schemas.RunRunning {
			continue
		}
		r.State, r.Why = schemas.RunFailed, "its process ended before it was done"
		if s != nil {
			r = s.settled(r)
		}
		if r.Finished.IsZero() {
			r.Finished = now()
		}
		if err := layout.PutJSON(ctx, st, layout.Run(r.ID), r); err != nil {
			return err
		}
	}
	return nil
}
