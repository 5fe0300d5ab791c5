package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// A Claim is a cache that this process holds for a run.
type Claim struct {
	Base    string            // digest of the snapshot that the run grows from; "" for a new cache
	Adopted []schemas.Adopted // what the run took over of runs that died, by run
	Dropped []string          // parts of those that were not what their receipts say, and what is wrong with them

	unlock func()
}

// Release lets others claim the cache. The end of the process does, too.
func (c *Claim) Release() { c.unlock() }

// Begin claims a cache, new or not, for a run: it takes the lock, brings in what runs that died had finished, and records the run as
// running. The run's fingerprint must be set.
//
// Errors, to be tested with errors.Is: ErrTaken for a directory that another process holds or that holds files that are none of a cache's;
// ErrReference for a cache, or parts of one, of another fingerprint; ErrDamaged, ErrVersion.
func Begin(ctx context.Context, st storage.Store, run schemas.Run) (*Claim, error) {
	if err := checkBegin(run); err != nil {
		return nil, fmt.Errorf("cache: begin: %w", err)
	}
	// Before the lock, which makes a file: nothing is written into a directory that is not ours.
	if err := checkOurs(ctx, st); err != nil {
		return nil, fmt.Errorf("cache: begin: %w", err)
	}
	unlock, err := Hold(ctx, st)
	if err != nil {
		return nil, err
	}
	c := &Claim{unlock: unlock}
	if err := c.begin(ctx, st, run); err != nil {
		unlock()
		return nil, fmt.Errorf("cache: begin run %s: %w", run.ID, err)
	}
	return c, nil
}

// Hold takes the lock of a cache for this process, as every launcher does; it ends with unlock or with the process. ErrTaken, with who has
// it, where another does.
func Hold(ctx context.Context, st storage.Store) (unlock func(), err error) {
	unlock, err = st.Lock(ctx, layout.Lock)
	if errors.Is(err, storage.ErrLocked) {
		return nil, fmt.Errorf("cache: %w: %w. Wait until it is done, or end that process: the lock ends with it, and the next run takes over the parts that it has finished",
			ErrTaken, err)
	}
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return unlock, nil
}

func checkBegin(run schemas.Run) error {
	if err := layout.CheckRun(run.ID); err != nil {
		return err
	}
	if len(run.Fingerprint) == 0 {
		return errors.New("the run has no fingerprint")
	}
	return nil
}

func (c *Claim) begin(ctx context.Context, st storage.Store, run schemas.Run) error {
	base, err := Open(ctx, st)
	switch {
	case err == nil:
		if err := checkReference(st.URL(""), base.manifest.Fingerprint, run.Fingerprint); err != nil {
			return err
		}
	case errors.Is(err, ErrNoCache):
		if err := checkLost(ctx, st); err != nil {
			return err
		}
		base = nil
	default:
		return err
	}
	if _, err := st.Stat(ctx, layout.Run(run.ID)); err == nil {
		return fmt.Errorf("%w: %s has a run %s already; give this run an id of its own", ErrTaken, st.URL(""), run.ID)
	} else if !errors.Is(err, storage.ErrNotExist) {
		return err
	}
	if base, err = c.adopt(ctx, st, base, run); err != nil {
		return err
	}
	if base != nil {
		c.Base = base.digest
	}
	run.State, run.Why, run.Adopted = schemas.RunRunning, "", c.Adopted
	return layout.PutJSON(ctx, st, layout.Run(run.ID), run)
}

// checkReference refuses values of two references in one place, and says in what they differ.
func checkReference(place string, is, want schemas.Fingerprint) error {
	var faults []string
	for _, d := range is.Differ(want) {
		faults = append(faults, fmt.Sprintf("%s of the cache is %s, of this run %s", d[0].Name, describe(d[0]), describe(d[1])))
	}
	if faults == nil {
		return nil
	}
	return fmt.Errorf("%w: %s: %s; name the model it was made with, or another directory", ErrReference, place, strings.Join(faults, "; "))
}

func describe(it schemas.Item) string {
	if it.Detail == "" {
		return it.Digest
	}
	return it.Digest + " (" + it.Detail + ")"
}

// checkOurs refuses a directory that is not a cache and holds what is no part of one.
func checkOurs(ctx context.Context, st storage.Store) error {
	if _, err := st.Stat(ctx, layout.Newest); err == nil {
		return nil
	} else if !errors.Is(err, storage.ErrNotExist) {
		return err
	}
	objects, err := st.List(ctx, "")
	if err != nil {
		return err
	}
	for _, o := range objects {
		ours := o.Name == layout.Lock || slices.ContainsFunc(layout.Folders, func(f string) bool { return strings.HasPrefix(o.Name, f) })
		if !ours {
			return fmt.Errorf("%w: %s holds %s, which is no part of a cache; name an empty or a new directory", ErrTaken, st.URL(""), o.Name)
		}
	}
	return nil
}

// Fail records a run as failed and why. Its finished parts stay, for the next run to adopt. A run whose view is in the manifest is done,
// whatever went wrong afterwards, and is recorded so.
func Fail(ctx context.Context, st storage.Store, run schemas.Run, why error) error {
	if err := layout.CheckRun(run.ID); err != nil {
		return fmt.Errorf("cache: fail: %w", err)
	}
	if err := fail(ctx, st, run, why); err != nil {
		return fmt.Errorf("cache: fail run %s: %w", run.ID, err)
	}
	return nil
}

func fail(ctx context.Context, st storage.Store, run schemas.Run, why error) error {
	var old schemas.Run
	err := layout.GetJSON(ctx, st, layout.Run(run.ID), &old)
	switch {
	case err == nil && old.State == schemas.RunDone:
		return nil
	case err == nil:
		run = old
	case !errors.Is(err, storage.ErrNotExist) && !errors.Is(err, ErrDamaged):
		return err
	}
	run.State, run.Why = schemas.RunFailed, why.Error()
	if run.Finished.IsZero() {
		run.Finished = now()
	}
	if s, err := open(ctx, st); err == nil {
		run = s.settled(run)
	}
	return layout.PutJSON(ctx, st, layout.Run(run.ID), run)
}

// Record returns the record of a run.
func Record(ctx context.Context, st storage.Store, run string) (schemas.Run, error) {
	var r schemas.Run
	if err := layout.GetJSON(ctx, st, layout.Run(run), &r); err != nil {
		return r, fmt.Errorf("cache: record of run %s: %w", run, err)
	}
	return r, nil
}

// settled returns the record of a run as done where the snapshot has its view: then only the record is behind.
func (s *Snapshot) settled(run schemas.Run) schemas.Run {
	for i, v := range s.manifest.Views {
		if v.Name != run.ID {
			continue
		}
		run.State, run.Why, run.Counts.Rows = schemas.RunDone, "", v.Rows
		if s.faults[i] == nil {
			info := s.views[i]
			run.Counts.Quarantined = info.Quarantined
			run.Counts.Truncated, run.Counts.Identical, run.Counts.Diverged = info.Truncated, info.Identical, info.Diverged
		}
		if run.Finished.IsZero() {
			run.Finished = s.manifest.Created
		}
	}
	return run
}

// now is the time that records carry: to the second, in UTC.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
