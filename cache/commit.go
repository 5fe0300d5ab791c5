package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// A Commit makes a cache of what the bundles of a run staged.
type Commit struct {
	Run  schemas.Run  // as given to Begin; Finished, where set, is the time of the manifest
	View schemas.View // Inputs, Tokens and Options; the rest is filled in
	Done []Done       // of every bundle, in any order; a part that is named twice counts once
	// MaxQuarantine is the greatest share of the rows read, from 0 to 1, that may be malformed (schemas.Malformed).
	MaxQuarantine float64
}

// Do gives the staged parts their final names, in the order of their first source, and then replaces the manifest. It returns the
// manifest and the run as recorded: done, or failed where more rows were malformed than MaxQuarantine allows. That is no error of Do:
// no manifest is written then, and the parts stay. An error is of the storage or of staged parts that are not what they should be.
//
// Do may be called again after an error, a kill or a success, also with other parts of the same run: until the manifest is there the last
// call decides, afterwards nothing changes. Every byte is read once more and compared with the digest taken when it was written.
func (c Commit) Do(ctx context.Context, st storage.Store) (schemas.Manifest, schemas.Run, error) {
	m, run, err := c.do(ctx, st)
	if err != nil {
		return schemas.Manifest{}, schemas.Run{}, fmt.Errorf("cache: commit run %s: %w", c.Run.ID, err)
	}
	return m, run, nil
}

func (c Commit) do(ctx context.Context, st storage.Store) (schemas.Manifest, schemas.Run, error) {
	if err := checkRun(c.Run.ID); err != nil {
		return schemas.Manifest{}, c.Run, err
	}
	if len(c.Run.Fingerprint) == 0 {
		return schemas.Manifest{}, c.Run, errors.New("the run has no fingerprint")
	}
	all, err := gather(c.Done)
	if err != nil {
		return schemas.Manifest{}, c.Run, err
	}
	tally := all.tally()
	run := c.Run
	run.State, run.Why, run.Counts = schemas.RunDone, "", tally.counts()
	if run.Finished.IsZero() {
		run.Finished = now()
	}

	if m, err := committed(ctx, st, run.ID); err != nil || m != nil {
		if err != nil {
			return schemas.Manifest{}, run, err
		}
		// A former call got this far; what it may have left undone is the record and the cleaning.
		var old schemas.Run
		if err := getJSON(ctx, st, runPath(run.ID), &old); err == nil && old.State == schemas.RunDone {
			return *m, old, nil
		}
		run.Finished = m.Created
		return *m, run, c.finish(ctx, st, run)
	}

	quarantine, err := publishAll(ctx, st, run.ID, all.Quarantine, quarantinePath)
	if err != nil {
		return schemas.Manifest{}, run, err
	}
	if why, err := c.tooMany(ctx, st, tally, quarantine); err != nil || why != "" {
		if err != nil {
			return schemas.Manifest{}, run, err
		}
		run.State, run.Why = schemas.RunFailed, why
		return schemas.Manifest{}, run, putJSON(ctx, st, runPath(run.ID), run)
	}
	m, err := c.publish(ctx, st, run, all, tally)
	if err != nil {
		return schemas.Manifest{}, run, err
	}
	if err := sweep(ctx, st, run.ID, m, quarantine); err != nil {
		return schemas.Manifest{}, run, err
	}
	if err := replaceManifest(ctx, st, m); err != nil {
		return schemas.Manifest{}, run, err
	}
	return m, run, c.finish(ctx, st, run)
}

// gather joins what bundles made: each part once, in the order of first source, then digest, so that the same parts always get the same
// numbers.
func gather(done []Done) (Done, error) {
	var all Done
	for _, d := range done {
		all.Values = append(all.Values, d.Values...)
		all.Views = append(all.Views, d.Views...)
		all.Quarantine = append(all.Quarantine, d.Quarantine...)
	}
	for _, parts := range []*[]Staged{&all.Values, &all.Views, &all.Quarantine} {
		slices.SortFunc(*parts, func(a, b Staged) int {
			return cmp.Or(cmp.Compare(a.First.File, b.First.File), cmp.Compare(a.First.Pos, b.First.Pos),
				strings.Compare(a.SHA256, b.SHA256), strings.Compare(a.Name, b.Name))
		})
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

// publish gives the parts their names and returns the manifest that names them, not yet written.
func (c Commit) publish(ctx context.Context, st storage.Store, run schemas.Run, all Done, t Tally) (m schemas.Manifest, err error) {
	m = schemas.Manifest{
		FormatVersion:    schemas.FormatVersion,
		MinReaderVersion: schemas.MinReaderVersion,
		Program:          run.Program,
		Created:          run.Finished,
		Fingerprint:      run.Fingerprint,
		Parts:            []schemas.Part{}, // [] in JSON, not null
	}
	values, err := publishAll(ctx, st, run.ID, all.Values, valuesPath)
	if err != nil {
		return m, err
	}
	var keyFiles []Staged
	for _, p := range all.Values {
		keyFiles = append(keyFiles, Staged{Name: p.Keys, Bytes: p.KeysBytes, SHA256: p.KeysSHA256})
	}
	keys, err := publishAll(ctx, st, run.ID, keyFiles, keysPath)
	if err != nil {
		return m, err
	}
	for i, p := range all.Values {
		m.Parts = append(m.Parts, schemas.Part{FileRef: values[i], Run: run.ID, Rows: p.Rows, Keys: keys[i]})
	}
	view := schemas.ViewRef{Name: run.ID, Rows: t.Rows, Parts: []schemas.ViewPart{}}
	files, err := publishAll(ctx, st, run.ID, all.Views, viewPath)
	if err != nil {
		return m, err
	}
	for i, p := range all.Views {
		view.Parts = append(view.Parts, schemas.ViewPart{FileRef: files[i], Rows: p.Rows})
	}
	if view.Info, err = c.describe(ctx, st, t); err != nil {
		return m, err
	}
	m.Views = []schemas.ViewRef{view}
	return m, nil
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
	b, err := encode(v)
	if err != nil {
		return schemas.FileRef{}, err
	}
	name := viewInfoPath(c.Run.ID)
	return schemas.FileRef{Path: name, Bytes: int64(len(b)), SHA256: digest(b)}, put(ctx, st, name, b, storage.Replace)
}

// publishAll gives staged files their final names, numbered as they come.
func publishAll(ctx context.Context, st storage.Store, run string, parts []Staged, path func(run string, n int) string) ([]schemas.FileRef, error) {
	var out []schemas.FileRef
	for n, p := range parts {
		ref := schemas.FileRef{Path: path(run, n), Bytes: p.Bytes, SHA256: p.SHA256}
		if err := publish(ctx, st, stagedPath(run, p.Name), ref); err != nil {
			return nil, err
		}
		out = append(out, ref)
	}
	return out, nil
}

// publish makes sure that the final name has the staged content. A file that a former call put there is kept where it is the right one
// and makes way where it is not, for no manifest names it yet.
func publish(ctx context.Context, st storage.Store, staged string, ref schemas.FileRef) error {
	final, err := measure(ctx, st, ref.Path)
	if err == nil && final == ref {
		return st.Remove(ctx, staged) // a kill between link and unlink leaves both
	}
	if err != nil && !errors.Is(err, storage.ErrNotExist) {
		return err
	}
	temp, terr := measure(ctx, st, staged)
	if errors.Is(terr, storage.ErrNotExist) {
		return fmt.Errorf("the staged part %s is gone, and %s has not its content; something removed it: run precompute again", st.URL(staged), st.URL(ref.Path))
	}
	if terr != nil {
		return terr
	}
	if temp.Bytes != ref.Bytes || temp.SHA256 != ref.SHA256 {
		return fmt.Errorf("%w: the staged part %s has %d bytes of SHA-256 %s; %d of %s were written: run precompute again, and look after the disk", ErrDamaged, st.URL(staged), temp.Bytes, temp.SHA256, ref.Bytes, ref.SHA256)
	}
	if err == nil {
		if err := st.Remove(ctx, ref.Path); err != nil {
			return err
		}
	}
	return st.Rename(ctx, staged, ref.Path)
}

// sweep removes files under this run's final names that the manifest does not name: what a former call of Do published of parts that this
// call was not given. They must not lie in values/, which other programs read as one table.
func sweep(ctx context.Context, st storage.Store, run string, m schemas.Manifest, quarantine []schemas.FileRef) error {
	named := map[string]bool{}
	for _, f := range append(files(m), quarantine...) {
		named[f.Path] = true
	}
	for _, prefix := range []string{"values/part-" + run + "-", "keys/part-" + run + "-", "views/" + run + "/", "quarantine/" + run + "/"} {
		objects, err := st.List(ctx, prefix)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if named[o.Name] {
				continue
			}
			if err := st.Remove(ctx, o.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// files lists the files that a manifest names.
func files(m schemas.Manifest) []schemas.FileRef {
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

// replaceManifest writes a manifest under its digest and then as the newest. There is none yet: Begin refuses a cache.
func replaceManifest(ctx context.Context, st storage.Store, m schemas.Manifest) error {
	b, err := encode(m)
	if err != nil {
		return err
	}
	if err := put(ctx, st, manifestPath(digest(b)), b, storage.Replace); err != nil {
		return err
	}
	err = put(ctx, st, manifestName, b, storage.IfAbsent)
	if errors.Is(err, storage.ErrExist) {
		return fmt.Errorf("%w: another run made %s a cache meanwhile; its rows stand, those of this run are in %s: name another directory", ErrCacheExists, st.URL(""), st.URL("values"))
	}
	return err
}

// committed returns the manifest if it has the view of a run, nil if there is none, and ErrCacheExists if it is of another run.
func committed(ctx context.Context, st storage.Store, run string) (*schemas.Manifest, error) {
	s, err := open(ctx, st)
	if errors.Is(err, ErrNoCache) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, v := range s.manifest.Views {
		if v.Name == run {
			return &s.manifest, nil
		}
	}
	return nil, fmt.Errorf("%w: %s became a cache of another run meanwhile; name another directory", ErrCacheExists, st.URL(""))
}

// finish removes what retried bundles left below tmp/ and then records the run, whose rows are in the manifest, as done.
func (c Commit) finish(ctx context.Context, st storage.Store, run schemas.Run) error {
	left, err := st.List(ctx, stagedPath(run.ID, ""))
	if err != nil {
		return err
	}
	for _, o := range left {
		if err := st.Remove(ctx, o.Name); err != nil {
			return err
		}
	}
	return putJSON(ctx, st, runPath(run.ID), run)
}
