package dofn

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestSharedLoadsOnce(t *testing.T) {
	var s Shared[int]
	var loads atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			v, err := s.Get(t.Context(), "a", func(context.Context) (int, error) {
				loads.Add(1)
				return 7, nil
			})
			if v != 7 || err != nil {
				t.Errorf("Get = %d, %v, want 7", v, err)
			}
		})
	}
	wg.Wait()
	if n := loads.Load(); n != 1 {
		t.Errorf("loaded %d times, want once", n)
	}
}

func TestSharedForgetsFailures(t *testing.T) {
	var s Shared[int]
	broken := errors.New("disk on fire")
	fail := func(context.Context) (int, error) { return 0, broken }
	if _, err := s.Get(t.Context(), "a", fail); !errors.Is(err, broken) {
		t.Fatalf("first Get: %v, want %v", err, broken)
	}
	if _, err := s.Get(t.Context(), "a", func(context.Context) (int, error) { panic("torn file") }); err == nil || !strings.Contains(err.Error(), "torn file") {
		t.Fatalf("a load that panics: %v, want the panic as an error", err)
	}
	v, err := s.Get(t.Context(), "a", func(context.Context) (int, error) { return 3, nil })
	if v != 3 || err != nil {
		t.Errorf("Get after failures = %d, %v, want 3", v, err)
	}
}

func TestSharedWaiterGivesUp(t *testing.T) {
	var s Shared[int]
	entered, release := make(chan struct{}), make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.Get(context.Background(), "a", func(context.Context) (int, error) {
			close(entered)
			<-release
			return 1, nil
		})
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting with a cancelled context: %v, want context.Canceled", err)
	}
	close(release)
	<-done
}

func TestGuard(t *testing.T) {
	err := Guard(func() error {
		var none []int
		none[len(none)]++
		return nil
	})
	var p *Panic
	if !errors.As(err, &p) || !strings.Contains(string(p.Stack), "TestGuard") {
		t.Errorf("Guard = %v, want a Panic whose stack names this test", err)
	}
	if err := Guard(func() error { return nil }); err != nil {
		t.Errorf("Guard of a quiet function = %v", err)
	}
}
