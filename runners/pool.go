package runners

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/harness"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/hooks"
	fnpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/fnexecution_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/steelyard-ml/steelyard/runners/internal/lifeline"
)

// patience is how long another process may take to answer.
const patience = 10 * time.Second

// workerLost is what a run ends with whose worker process has ended before it, or has never begun.
func workerLost(why string) error {
	return fmt.Errorf("the worker process is gone (%s); what it printed is where its pool prints; run again", why)
}

// pooled is held by the run that is on a pool: Beam's flags, which belong to the whole process, are set for it alone.
var pooled sync.Mutex

// disconnected is how prism says that a worker process has ended: at work, or just before it was asked something.
var disconnected = regexp.MustCompile(`SDK worker disconnected|error from SDK: worker stopped before`)

// runOnPool runs a pipeline on prism with a worker process of the pool at --environment_config.
func runOnPool(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
	pooled.Lock()
	defer pooled.Unlock()
	binary, err := workerBinary()
	if err != nil {
		return nil, fmt.Errorf("worker_binary: %w", err)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	f, err := newFront(ctx, *jobopts.EnvironmentConfig, fail)
	if err != nil {
		return nil, err
	}
	defer f.close()
	lost := func(why string) {
		select {
		case <-f.released: // as it should
		default:
			fail(workerLost(why))
		}
	}
	lastWords.Store(&lost)
	defer lastWords.Store(nil)
	line, err := lifeline.New(func() {
		time.Sleep(200 * time.Millisecond) // boot may know why, and is about to say it
		lost("killed, out of memory, or crashed")
	})
	if err != nil {
		return nil, err
	}
	defer line.Close()
	if err := hooks.EnableHook(lifelineHook, line.Address(), line.Token()); err != nil {
		return nil, err
	}
	defer hooks.DisableHook(lifelineHook)
	// These are for workers in this process; and a worker's log lines would come to this one, which drops them: they are the pool's.
	hooks.DisableHook(startedHook)
	hooks.DisableHook(harness.DefaultRemoteLoggingHook)
	defer set(jobopts.WorkerBinary, binary)()
	defer set(jobopts.EnvironmentConfig, f.listener.Addr().String())()

	j := newJob()
	res, err := j.run(ctx, func(ctx context.Context) (beam.PipelineResult, error) { return prism.Execute(ctx, p) })
	select {
	case <-j.submitted:
		// Prism still has to start or to stop the worker, and panics where nobody answers.
		select {
		case <-f.released:
		case <-time.After(patience):
		}
	default:
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && disconnected.MatchString(err.Error()):
		return nil, workerLost("killed, out of memory, or crashed")
	case err != nil && strings.Contains(err.Error(), "didn't get control connection"):
		return nil, workerLost("it has not come up within a minute")
	}
	return res, err
}

// set gives a flag of Beam's a value and returns what gives it back its own.
func set(flag *string, value string) (restore func()) {
	before := *flag
	*flag = value
	return func() { *flag = before }
}

// A front is the worker pool that prism gets to see. It hands what prism asks for on to the user's pool, and keeps what that answers from
// prism, which takes the whole process with it when a pool refuses. It also knows when prism is done with a worker.
type front struct {
	fnpb.UnimplementedBeamFnExternalWorkerPoolServer
	where string // the user's pool
	conn  *grpc.ClientConn
	pool  fnpb.BeamFnExternalWorkerPoolClient
	fail  func(error) // called when the pool does not start a worker

	listener net.Listener
	server   *grpc.Server

	mu       sync.Mutex
	running  map[string]bool // workers that the pool may have started and was not told to stop
	release  sync.Once
	released chan struct{} // closed when prism wants its worker no more
}

// newFront finds the worker pool at an address and stands before it. fail is called when that does not start a worker.
func newFront(ctx context.Context, where string, fail func(error)) (*front, error) {
	conn, err := grpc.NewClient(where, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("environment_config: %q is no address: %w", where, err)
	}
	f := &front{where: where, conn: conn, pool: fnpb.NewBeamFnExternalWorkerPoolClient(conn), fail: fail,
		running: map[string]bool{}, released: make(chan struct{})}
	if err := f.probe(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	f.server = grpc.NewServer()
	fnpb.RegisterBeamFnExternalWorkerPoolServer(f.server, f)
	go func() { _ = f.server.Serve(f.listener) }() // until it is stopped
	return f, nil
}

// probe makes sure that there is a pool: it asks it to stop a worker that there is not, which any pool answers.
func (f *front) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", f.where)
	if err != nil {
		return fmt.Errorf("no worker pool answers at %s: start one there (Beam's boot with --worker_pool) or correct --environment_config: %w", f.where, err)
	}
	conn.Close()
	if _, err := f.pool.StopWorker(ctx, &fnpb.StopWorkerRequest{WorkerId: "probe"}); err != nil {
		return fmt.Errorf("what answers at %s is no worker pool of Beam; correct --environment_config: %s", f.where, status.Convert(err).Message())
	}
	return nil
}

func (f *front) StartWorker(ctx context.Context, req *fnpb.StartWorkerRequest) (*fnpb.StartWorkerResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resp, err := f.pool.StartWorker(ctx, req)
	why := resp.GetError()
	if why == "" { // a pool that didn't answer may have started it all the same
		f.mu.Lock()
		f.running[req.GetWorkerId()] = true
		f.mu.Unlock()
	}
	if err != nil {
		why = status.Convert(err).Message()
	}
	if why != "" {
		f.fail(fmt.Errorf("the worker pool at %s starts no worker: %s", f.where, why))
	}
	return &fnpb.StartWorkerResponse{}, nil
}

func (f *front) StopWorker(ctx context.Context, req *fnpb.StopWorkerRequest) (*fnpb.StopWorkerResponse, error) {
	f.release.Do(func() { close(f.released) })
	f.stop(ctx, req.GetWorkerId())
	return &fnpb.StopWorkerResponse{}, nil
}

// stop has the pool stop a worker. A pool that is gone has left its worker to the lifeline.
func (f *front) stop(ctx context.Context, id string) {
	f.mu.Lock()
	running := f.running[id]
	delete(f.running, id)
	f.mu.Unlock()
	if !running {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _ = f.pool.StopWorker(ctx, &fnpb.StopWorkerRequest{WorkerId: id})
}

// close stops what prism left running and ends the front. Prism must have asked for its worker by then.
func (f *front) close() {
	f.server.GracefulStop()
	for id := range f.running {
		f.stop(context.Background(), id)
	}
	f.conn.Close()
}
