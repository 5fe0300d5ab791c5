package dofn

import (
	"context"
	"sync"
)

// A Shared holds values that are made once a process and used by every bundle: a model, a tokenizer. The zero value is empty.
//
// A value is made by the first caller that asks for its key, while others that ask for the same key wait. An error is handed to
// those who waited and then forgotten, so that a retried bundle tries again.
type Shared[V any] struct {
	mu      sync.Mutex
	entries map[string]*entry[V]
}

// Take returns the value of a key, if one was made, and forgets it.
func (s *Shared[V]) Take(key string) (v V, ok bool) {
	s.mu.Lock()
	e, ok := s.entries[key]
	delete(s.entries, key)
	s.mu.Unlock()
	if !ok {
		return v, false
	}
	<-e.ready
	return e.value, e.err == nil
}

type entry[V any] struct {
	ready chan struct{} // closed once value or err is set
	value V
	err   error
}

// Get returns the value of a key, made by load where nobody made it yet. It returns early, with ctx's error, when ctx ends while
// another caller is loading.
func (s *Shared[V]) Get(ctx context.Context, key string, load func(context.Context) (V, error)) (V, error) {
	s.mu.Lock()
	e, ok := s.entries[key]
	if !ok {
		if s.entries == nil {
			s.entries = make(map[string]*entry[V])
		}
		e = &entry[V]{ready: make(chan struct{})}
		s.entries[key] = e
	}
	s.mu.Unlock()

	if ok {
		select {
		case <-e.ready:
			return e.value, e.err
		case <-ctx.Done():
			var none V
			return none, context.Cause(ctx)
		}
	}

	e.err = Guard(func() (err error) {
		e.value, err = load(ctx)
		return err
	})
	if e.err != nil {
		s.mu.Lock()
		delete(s.entries, key)
		s.mu.Unlock()
	}
	close(e.ready)
	return e.value, e.err
}
