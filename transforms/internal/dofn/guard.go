package dofn

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// A Panic is a panic as an error: what was thrown, and where.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Guard runs f and returns its error, or a *[Panic] where it panicked.
func Guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// Ended reports whether err says that the work was called off, which is nobody's fault: the bundle returns it as it is and no row
// is blamed for it.
func Ended(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}
