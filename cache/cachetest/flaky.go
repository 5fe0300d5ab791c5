package cachetest

import (
	"context"
	"errors"

	"github.com/steelyard-ml/steelyard/storage"
)

// Flaky is a store whose writing operations fail from the n-th on, as those of a killed process.
type Flaky struct {
	storage.Store
	Left *int // writing operations that still succeed
}

// ErrKilled is what a Flaky store fails with.
var ErrKilled = errors.New("killed")

func (f Flaky) spend() error {
	if *f.Left--; *f.Left < 0 {
		return ErrKilled
	}
	return nil
}

func (f Flaky) Rename(c context.Context, from, to string) error {
	if err := f.spend(); err != nil {
		return err
	}
	return f.Store.Rename(c, from, to)
}

func (f Flaky) Remove(c context.Context, name string) error {
	if err := f.spend(); err != nil {
		return err
	}
	return f.Store.Remove(c, name)
}

func (f Flaky) Sweep(c context.Context, dir string) error {
	if err := f.spend(); err != nil {
		return err
	}
	return f.Store.Sweep(c, dir)
}

func (f Flaky) Create(c context.Context, name string, cond storage.Condition) (storage.Writer, error) {
	if err := f.spend(); err != nil {
		return nil, err
	}
	return f.Store.Create(c, name, cond)
}
