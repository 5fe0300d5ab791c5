package lifeline

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// patience is how long the other end may take to answer.
const patience = 10 * time.Second

// A Line is the launcher's end.
type Line struct {
	listener net.Listener
	token    string // what a worker of this line says first
	lost     func()
	wg       sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

// New returns a line that workers on this machine can hold. lost is called, from another goroutine, each time that one has gone.
func New(lost func()) (*Line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lifeline: %w", err)
	}
	l := &Line{listener: listener, token: rand.Text(), lost: lost}
	l.wg.Go(l.accept)
	return l, nil
}

// Address is where workers find the line.
func (l *Line) Address() string { return l.listener.Addr().String() }

// Token is what tells the line's workers from strangers.
func (l *Line) Token() string { return l.token }

func (l *Line) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.mu.Lock()
		if l.closed {
			conn.Close()
		} else {
			l.conns = append(l.conns, conn)
			l.wg.Go(func() { l.watch(conn) })
		}
		l.mu.Unlock()
	}
}

// watch waits for the other end to go.
func (l *Line) watch(conn net.Conn) {
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return
	}
	said := bufio.NewReader(io.LimitReader(conn, int64(len(l.token)+1)))
	if text, err := said.ReadString('\n'); err != nil || text != l.token+"\n" {
		return // a stranger
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return
	}
	if _, err := io.Copy(io.Discard, conn); !errors.Is(err, net.ErrClosed) {
		l.lost()
	}
}

// Close hangs up, which tells workers that are still there, and returns when no call of lost is under way any more.
func (l *Line) Close() {
	l.listener.Close()
	l.mu.Lock()
	l.closed = true
	for _, conn := range l.conns {
		conn.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}

// Hold is the worker's end. The channel is closed when the launcher hangs up or is gone.
func Hold(address, token string) (ended <-chan struct{}, err error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, fmt.Errorf("lifeline: %w", err)
	}
	if _, err := fmt.Fprintln(conn, token); err != nil {
		return nil, errors.Join(fmt.Errorf("lifeline: %w", err), conn.Close())
	}
	end := make(chan struct{})
	go func() {
		defer close(end)
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}()
	return end, nil
}
