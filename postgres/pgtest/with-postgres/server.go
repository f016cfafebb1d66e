package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/modules/postgres"

	"github.com/chenu/chenu/postgres/local"
)

const (
	// defaultImage is the newest major version, in the smallest official build.
	defaultImage = "postgres:18-alpine"

	// pullTimeout allows for about 110 MB over a slow connection.
	pullTimeout      = 10 * time.Minute
	containerTimeout = 2 * time.Minute
	progressInterval = 3 * time.Second

	sharedMemoryBytes = 256 << 20 // Docker's default of 64 MB is too small for concurrent parallel queries
)

// server is a running server for tests.
type server struct {
	what string // description in messages
	url  string // of the superuser
	stop func(context.Context) error
	done <-chan struct{} // closed when it exits unexpectedly; nil if that cannot be detected
	err  func() error    // reason of the exit
}

// start starts the kind of server that the environment selects.
func start(ctx context.Context, getenv func(string) string) (*server, error) {
	switch kind := getenv("CHENU_TEST_SERVER"); kind {
	case "container":
		return startContainer(ctx, getenv)
	case "local":
		return startLocal(ctx, getenv)
	case "":
		if why := noEngine(ctx); why != nil {
			return startLocal(ctx, getenv)
		}
		s, err := startContainer(ctx, getenv)
		if err == nil || ctx.Err() != nil {
			return s, err
		}
		say("the Docker engine responds, but cannot run a container: using a local server: %v", err)
		return startLocal(ctx, getenv)
	default:
		return nil, fmt.Errorf("CHENU_TEST_SERVER is %q: use container, local, or nothing", kind)
	}
}

func startLocal(ctx context.Context, getenv func(string) string) (*server, error) {
	major := 0
	if text := getenv("CHENU_TEST_MAJOR"); text != "" {
		var err error
		if major, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("CHENU_TEST_MAJOR is %q: use a major version of PostgreSQL, such as 17", text)
		}
	}
	s, err := local.Start(ctx, local.Config{Ephemeral: true, DataDir: local.MemoryDir(), Version: major, Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	return &server{
		what: fmt.Sprintf("PostgreSQL %d of this machine", s.Major()),
		url:  s.URL("postgres"), stop: s.Stop, done: s.Done(), err: s.Err,
	}, nil
}

// noEngine returns the reason why no Docker engine is available, or nil if one responds.
func noEngine(ctx context.Context) error {
	log.SetDefault(log.NewNoopLogger()) // it logs every step
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	defer provider.Close()
	return provider.Health(ctx)
}

func startContainer(ctx context.Context, getenv func(string) string) (*server, error) {
	if err := noEngine(ctx); err != nil {
		return nil, fmt.Errorf("no Docker engine responds: %w", err)
	}
	image := cmp.Or(getenv("CHENU_TEST_IMAGE"), defaultImage)
	if err := pull(ctx, image); err != nil {
		return nil, err
	}
	args := []string{"postgres"}
	for _, setting := range local.EphemeralSettings() {
		args = append(args, "-c", setting)
	}
	ctx, cancel := context.WithTimeout(ctx, containerTimeout)
	defer cancel()
	c, err := postgres.Run(ctx, image,
		postgres.WithUsername("postgres"), postgres.WithPassword(rand.Text()), postgres.WithDatabase("postgres"),
		testcontainers.WithCmd(args...),
		testcontainers.WithHostConfigModifier(func(c *container.HostConfig) { c.ShmSize = sharedMemoryBytes }),
		postgres.BasicWaitStrategies(),
	)
	stop := func(ctx context.Context) error {
		return testcontainers.TerminateContainer(c, testcontainers.StopContext(ctx), testcontainers.StopTimeout(0))
	}
	if err != nil {
		cleanup, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("%w (if the engine cannot access a registry, set TESTCONTAINERS_RYUK_DISABLED=true)", err), stop(cleanup))
	}
	url, err := c.ConnectionString(ctx, "sslmode=disable")
	if err != nil {
		return nil, errors.Join(err, stop(ctx))
	}
	return &server{what: "a container of " + image, url: url, stop: stop}, nil
}

// pull pulls the image unless the engine has it. testcontainers would do so too, but silently and with many attempts.
func pull(ctx context.Context, image string) error {
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return err
	}
	defer docker.Close()
	_, err = docker.ImageInspect(ctx, image)
	if err == nil {
		return nil
	}
	if !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("find image %s: %w", image, err)
	}
	say("pulling %s, once", image)
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	start := time.Now()
	ended := make(chan error, 1)
	go func() {
		response, err := docker.ImagePull(ctx, image, client.ImagePullOptions{})
		if err == nil {
			err = response.Wait(ctx)
		}
		ended <- err
	}()
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("pull image %s: %w", image, err)
			}
			return nil
		case <-tick.C:
			say("still pulling, %.0fs", time.Since(start).Seconds())
		}
	}
}
