package cache

import (
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

// A Commit adds what the bundles of a run staged to a cache.
type Commit struct {
	Run  schemas.Run  // as given to Begin; Finished, where set, is the time of the manifest
	Base string       // digest of the snapshot that Begin returned; "" for a new cache
	View schemas.View // Inputs, Tokens and Options; the rest is filled in
	Done []Done       // of every bundle, in any order; a part that is named twice counts once
	// MaxQuarantine is the greatest share of the rows read, from 0 to 1, that may be malformed (schemas.Malformed).
	MaxQuarantine float64
}

// Do gives the staged parts their final names and then replaces the manifest, by one that names them beside all that Base has and, last,
// the view of this run. It returns the manifest and the run as recorded: done, or failed where more rows were malformed than MaxQuarantine
// allows, or where another run has changed the cache since Base. That is no error of Do: no manifest is written then, and the parts stay
// for the next run to adopt. An error is of the storage or of staged parts that are not what they should be.
//
// Do may be called again after an error, a kill or a success, also with other parts of the same run, and by two processes at once: the
// manifest takes the parts of one call whole, and afterwards nothing changes. Every byte is read once more and compared with the digest
// taken when it was written.
func (c Commit) Do(ctx context.Context, st storage.Store) (schemas.Manifest, schemas.Run, error) {
	m, run, err := c.do(ctx, st)
	if err != nil {
		return schemas.Manifest{}, schemas.Run{}, fmt.Errorf("cache: commit run %s: %w", c.Run.ID, err)
	}
	return m, run, nil
}

func (c Commit) do(ctx context.Context, st storage.Store) (schemas.Manifest, schemas.Run, error) {
	none := schemas.Manifest{}
	if err := checkBegin(c.Run); err != nil {
		return none, c.Run, err
	}
	all, err := gather(c.Done)
	if err != nil {
		return none, c.Run, err
	}
	tally := all.tally()
	run := c.Run
	run.State, run.Why, run.Counts = schemas.RunDone, "", tally.counts()
	if run.Finished.IsZero() {
		run.Finished = now()
	}

	base, err := openNewest(ctx, st)
	if err != nil {
		return none, run, err
	}
	if base != nil && base.has(run.ID) {
		return c.again(ctx, st, base, run, all)
	}
	quarantine, err := publishAll(ctx, st, run.ID, all.Quarantine, layout.KindQuarantine, layout.Quarantine)
	if err != nil {
		return none, run, err
	}
	why, err := c.tooMany(ctx, st, tally, quarantine)
	if err != nil {
		return none, run, err
	}
	if why == "" && base.digestOrNone() != c.Base {
		why = c.conflict(st, base)
	}
	if why != "" {
		run.State, run.Why = schemas.RunFailed, why
		return none, run, layout.PutJSON(ctx, st, layout.Run(run.ID), run)
	}
	m, err := c.publish(ctx, st, base, run, all, tally)
	if err != nil {
		return none, run, err
	}
	err = manifest.Replace(ctx, st, m, base.versionOrNone())
	if errors.Is(err, manifest.ErrConflict) {
		base, err := openNewest(ctx, st)
		switch {
		case err != nil:
			return none, run, err
		case base != nil && base.has(run.ID): // another attempt at this very commit
			return c.again(ctx, st, base, run, all)
		}
		run.State, run.Why = schemas.RunFailed, c.conflict(st, base)
		return none, run, layout.PutJSON(ctx, st, layout.Run(run.ID), run)
	}
	if err != nil {
		return none, run, err
	}
	return m, run, c.finish(ctx, st, run, m, all)
}

// again ends a commit whose manifest is there, by a former call or another attempt: what that may have left undone is the record and the
// cleaning.
func (c Commit) again(ctx context.Context, st storage.Store, s *Snapshot, run schemas.Run, all Done) (schemas.Manifest, schemas.Run, error) {
	var old schemas.Run
	if err := layout.GetJSON(ctx, st, layout.Run(run.ID), &old); err == nil && old.State == schemas.RunDone {
		return s.manifest, old, nil
	}
	run.Finished = s.manifest.Created
	return s.manifest, run, c.finish(ctx, st, run, s.manifest, all)
}

// conflict says that another run was faster, and what becomes of this one's parts.
func (c Commit) conflict(st storage.Store, now *Snapshot) string {
	who := "its manifest is gone"
	if now != nil {
		who = "its newest snapshot is of another run"
		if n := len(now.manifest.Views); n > 0 {
			who = "the run " + now.manifest.Views[n-1].Name + " was faster"
		}
	}
	return fmt.Sprintf("%s changed since this run began: %s, and its rows stand. What this run has scored is kept: run the same command again, it takes that over and scores only what is missing",
		st.URL(layout.Newest), who)
}

// gather joins what bundles made: each part once, in the order of first source.
func gather(done []Done) (Done, error) {
	var all Done
	for _, d := range done {
		all.Values = append(all.Values, d.Values...)
		all.Views = append(all.Views, d.Views...)
		all.Quarantine = append(all.Quarantine, d.Quarantine...)
	}
	for _, parts := range []*[]Staged{&all.Values, &all.Views, &all.Quarantine} {
		slices.SortFunc(*parts, Staged.compare)
		*parts = slices.CompactFunc(*parts, func(a, b Staged) bool { return a.Name == b.Name && a.SHA256 == b.SHA256 })
		seen := map[string]bool{}
		for _, p := range *parts {
			if seen[p.Name] {
				return all, fmt.Errorf("two staged parts have the name %s and other content", p.Name)
			}
			seen[p.Name] = true
		}
	}
	return all, nil
}

func (d Done) tally() Tally {
	var t Tally
	for _, parts := range [][]Staged{d.Values, d.Views, d.Quarantine} {
		for _, p := range parts {
			t.Add(p.Tally)
		}
	}
	return t
}

// tooMany says why a run fails for its quarantine, or nothing.
func (c Commit) tooMany(ctx context.Context, st storage.Store, t Tally, files []schemas.FileRef) (string, error) {
	_, rows, malformed := t.quarantined()
	read := t.Rows + rows
	if malformed == 0 || float64(malformed) <= float64(c.MaxQuarantine*float64(read)) {
		return "", nil
	}
	var codes []string
	for _, n := range t.Quarantined {
		if schemas.Malformed(n.Code) {
			codes = append(codes, fmt.Sprintf("%s %d", n.Code, n.N))
		}
	}
	why := fmt.Sprintf("%d of %d rows are malformed, more than the share of %g that --max-quarantine allows: %s", malformed, read, c.MaxQuarantine, strings.Join(codes, ", "))
	for _, f := range files {
		q, ok, err := part.FirstMalformed(ctx, st, f.Path)
		if err != nil {
			return "", err
		}
		if ok {
			why += fmt.Sprintf("; the first, %s at %d: %s: %s", q.Path, q.Source.Pos, q.Code, q.Reason)
			break
		}
	}
	return why + "; all of them are in " + st.URL("quarantine/"+c.Run.ID), nil
}

// publish gives the parts their names and returns the manifest that names them beside what the cache had, not yet written.
func (c Commit) publish(ctx context.Context, st storage.Store, base *Snapshot, run schemas.Run, all Done, t Tally) (m schemas.Manifest, err error) {
	m = manifest.New(run)
	if base != nil {
		m = base.grow(run)
	}
	m.Created = run.Finished
	parts, err := PublishValues(ctx, st, run.ID, all.Values)
	if err != nil {
		return m, err
	}
	m.Parts = append(m.Parts, parts...)
	view := schemas.ViewRef{Name: run.ID, Rows: t.Rows, Parts: []schemas.ViewPart{}}
	files, err := publishAll(ctx, st, run.ID, all.Views, layout.KindView, layout.View)
	if err != nil {
		return m, err
	}
	for i, p := range all.Views {
		view.Parts = append(view.Parts, schemas.ViewPart{FileRef: files[i], Rows: p.Rows})
	}
	if view.Info, err = c.describe(ctx, st, t); err != nil {
		return m, err
	}
	m.Views = append(m.Views, view)
	return m, nil
}

// PublishValues gives staged parts of values, and their keys, their final names and returns them as a manifest names them. They are not in
// the cache before a manifest does. Done again it does nothing.
func PublishValues(ctx context.Context, st storage.Store, run string, staged []Staged) ([]schemas.Part, error) {
	values, err := publishAll(ctx, st, run, staged, layout.KindValues, layout.Values)
	if err != nil {
		return nil, err
	}
	var keyFiles []Staged
	for _, p := range staged {
		keyFiles = append(keyFiles, Staged{Name: p.Name, Bytes: p.KeysBytes, SHA256: p.KeysSHA256})
	}
	keys, err := publishAll(ctx, st, run, keyFiles, layout.KindKeys, layout.Keys)
	if err != nil {
		return nil, err
	}
	var out []schemas.Part
	for i, p := range staged {
		out = append(out, schemas.Part{FileRef: values[i], Run: run, Rows: p.Rows, Keys: keys[i]})
	}
	return out, nil
}

// describe writes views/<run>.json. Nothing in it depends on when the commit runs.
func (c Commit) describe(ctx context.Context, st storage.Store, t Tally) (schemas.FileRef, error) {
	v := c.View
	v.Name, v.Created = c.Run.ID, c.Run.Started
	v.Rows, v.Truncated, v.Identical, v.Diverged = t.Rows, t.Truncated, t.Identical, t.Diverged
	v.Quarantined, _, _ = t.quarantined()
	if v.Inputs == nil {
		v.Inputs = []schemas.ViewInput{}
	}
	b, err := layout.Encode(v)
	if err != nil {
		return schemas.FileRef{}, err
	}
	name := layout.ViewInfo(c.Run.ID)
	return schemas.FileRef{Path: name, Bytes: int64(len(b)), SHA256: layout.Digest(b)}, layout.Put(ctx, st, name, b, storage.Replace)
}

// publishAll gives staged files their final names.
func publishAll(ctx context.Context, st storage.Store, run string, parts []Staged, kind layout.Kind, path func(run, name string) string) ([]schemas.FileRef, error) {
	var out []schemas.FileRef
	for _, p := range parts {
		if err := layout.CheckName(p.Name); err != nil {
			return nil, err
		}
		ref := schemas.FileRef{Path: path(run, p.Name), Bytes: p.Bytes, SHA256: p.SHA256}
		if err := publish(ctx, st, layout.Staged(run, kind, p.Name), ref); err != nil {
			return nil, err
		}
		out = append(out, ref)
	}
	return out, nil
}

// publish makes sure that the final name has the staged content. Nothing else can have that name, so what is there is the right file, put
// there by a former call, or it is damaged.
func publish(ctx context.Context, st storage.Store, staged string, ref schemas.FileRef) error {
	got, err := layout.Measure(ctx, st, ref.Path)
	if err == nil {
		if got != ref {
			return fmt.Errorf("%w: %s has %d bytes of SHA-256 %s; %d of %s were written: run precompute again, and look after the disk", ErrDamaged, st.URL(ref.Path), got.Bytes, got.SHA256, ref.Bytes, ref.SHA256)
		}
		return st.Remove(ctx, staged) // a kill between link and unlink leaves both
	}
	if !errors.Is(err, storage.ErrNotExist) {
		return err
	}
	got, err = layout.Measure(ctx, st, staged)
	if errors.Is(err, storage.ErrNotExist) {
		return fmt.Errorf("the staged part %s is gone, and nothing has the name %s; something removed it: run precompute again", st.URL(staged), st.URL(ref.Path))
	}
	if err != nil {
		return err
	}
	if got.Bytes != ref.Bytes || got.SHA256 != ref.SHA256 {
		return fmt.Errorf("%w: the staged part %s has %d bytes of SHA-256 %s; %d of %s were written: run precompute again, and look after the disk", ErrDamaged, st.URL(staged), got.Bytes, got.SHA256, ref.Bytes, ref.SHA256)
	}
	err = st.Rename(ctx, staged, ref.Path)
	if errors.Is(err, storage.ErrExist) { // another attempt at this commit was faster
		return publish(ctx, st, staged, ref)
	}
	return err
}

// finish removes what retries of bundles and of the commit left of a run, and then records the run, whose rows are in the manifest, as
// done. It comes after the manifest: before it, another attempt at the same commit may still count on those files.
func (c Commit) finish(ctx context.Context, st storage.Store, run schemas.Run, m schemas.Manifest, all Done) error {
	if err := manifest.RemoveUnnamed(ctx, st, func(r string) bool { return r == run.ID }, m); err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, q := range all.Quarantine {
		keep[layout.Quarantine(run.ID, q.Name)] = true
	}
	for _, prefix := range []string{"quarantine/" + run.ID + "/", layout.StagedDir(run.ID) + "/"} {
		left, err := st.List(ctx, prefix)
		if err != nil {
			return err
		}
		for _, o := range left {
			if keep[o.Name] {
				continue
			}
			if err := st.Remove(ctx, o.Name); err != nil {
				return err
			}
		}
	}
	if err := st.Sweep(ctx, layout.StagedDir(run.ID)); err != nil {
		return err
	}
	return layout.PutJSON(ctx, st, layout.Run(run.ID), run)
}
