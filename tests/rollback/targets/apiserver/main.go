// Command apiserver is a real Kubernetes API server with its etcd in one process, for tests: nothing but the loopback,
// nothing kept.
//
//	apiserver serve FOLDER FLAG...       etcd in FOLDER, then kube-apiserver with its own FLAGs
//	apiserver controllers KUBECONFIG     the controllers of Deployment and ReplicaSet, as kube-controller-manager runs them
//
// There is no kubelet: whoever asks for pods to become ready sets their status.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/pkg/controller/deployment"
	"k8s.io/kubernetes/pkg/controller/replicaset"
)

const workers = 2

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) >= 2 && arguments[0] == "serve":
		return serve(arguments[1], arguments[2:])
	case len(arguments) == 2 && arguments[0] == "controllers":
		return control(arguments[1])
	default:
		return errors.New("expected: serve FOLDER FLAG..., or controllers KUBECONFIG")
	}
}

func serve(folder string, flags []string) error {
	socket, err := store(folder)
	if err != nil {
		return err
	}
	command := app.NewAPIServerCommand()
	command.SetArgs(append([]string{"--etcd-servers=" + socket}, flags...))
	return command.Execute()
}

// store starts etcd, reached through sockets in the folder, and returns its address.
func store(folder string) (string, error) {
	config := embed.NewConfig()
	config.Dir = filepath.Join(folder, "etcd")
	config.LogLevel = "error"
	config.UnsafeNoFsync = true // nothing is kept
	client := url.URL{Scheme: "unix", Path: filepath.Join(folder, "c.sock")}
	peer := url.URL{Scheme: "unix", Path: filepath.Join(folder, "p.sock")}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return "", fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return client.String(), nil
	case err := <-etcd.Err():
		return "", fmt.Errorf("etcd: %w", err)
	}
}

func control(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	shared := informers.NewSharedInformerFactory(client, 0)
	apps, pods := shared.Apps().V1(), shared.Core().V1().Pods()
	deployments, err := deployment.NewDeploymentController(ctx, apps.Deployments(), apps.ReplicaSets(), pods, client)
	if err != nil {
		return err
	}
	sets := replicaset.NewReplicaSetController(ctx, apps.ReplicaSets(), pods, client, replicaset.BurstReplicas)
	shared.Start(ctx.Done())
	go deployments.Run(ctx, workers)
	sets.Run(ctx, workers)
	return nil
}
