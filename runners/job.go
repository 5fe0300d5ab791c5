package runners

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/util/grpcx"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A job is a pipeline in the hands of a job server. Beam's launcher keeps its name to itself and never calls a job off: it only stops
// waiting. So a job looks on while the launcher talks to the server.
type job struct {
	submitted chan struct{} // closed once the server has the job; what is below is set by then
	client    jobpb.JobServiceClient
	id        string
}

func newJob() *job { return &job{submitted: make(chan struct{})} }

type jobKey struct{}

func init() { grpcx.Dial = dial }

// dial connects as Beam does, and lets the job of the context look on.
func dial(ctx context.Context, endpoint string, timeout time.Duration) (*grpc.ClientConn, error) {
	j, ok := ctx.Value(jobKey{}).(*job)
	if !ok {
		return grpcx.DefaultDial(ctx, endpoint, timeout)
	}
	return grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
		grpc.WithUnaryInterceptor(j.lookOn))
}

// lookOn takes note of the job when the server has taken it.
func (j *job) lookOn(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, conn, opts...)
	if run, ok := reply.(*jobpb.RunJobResponse); ok && err == nil {
		j.client, j.id = jobpb.NewJobServiceClient(conn), run.GetJobId()
		close(j.submitted)
	}
	return err
}

// run calls execute, which submits the job and waits for it. When ctx ends, the server is told to call the job off, and execute gets time to
// see that. A job that is not submitted yet is let get as far first: the server can't be told before.
func (j *job) run(ctx context.Context, execute func(context.Context) (beam.PipelineResult, error)) (beam.PipelineResult, error) {
	held, giveUp := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), jobKey{}, j))
	defer giveUp()
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-ctx.Done():
		case <-over:
			return
		}
		select {
		case <-j.submitted:
		case <-over:
			return
		}
		late := time.AfterFunc(patience, giveUp)
		defer late.Stop()
		_, _ = j.client.Cancel(held, &jobpb.CancelJobRequest{JobId: j.id}) // it may have ended by itself
		<-over
	})
	defer wg.Wait()
	defer close(over)
	return execute(held)
}
