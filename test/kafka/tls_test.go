// Kafka behind TLS: a broker with a certificate that asks for its clients', an authority made here, and wrong ones.

package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// authority signs certificates for this machine.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

// newAuthority makes an authority and its certificate's file.
func newAuthority(t *testing.T, dir, name string) *authority {
	a := &authority{t: t, dir: dir, file: filepath.Join(dir, name+".pem")}
	template := a.template(name)
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	der, key := a.sign(template, template, nil)
	a.key = key
	var err error
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.write(a.file, block("CERTIFICATE", der))
	return a
}

func (a *authority) template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(a.t, err)
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

// sign makes a key and a certificate for it; without a signer the key signs itself.
func (a *authority) sign(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	return der, key
}

// issue makes a certificate for 127.0.0.1 and its key, as PEM.
func (a *authority) issue(name string) (cert, key []byte) {
	template := a.template(name)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, private := a.sign(template, a.cert, a.key)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(a.t, err)
	return block("CERTIFICATE", der), block("PRIVATE KEY", pkcs8)
}

// client is a cluster as a client with a certificate of this authority reaches it.
func (a *authority) client(addr, name string) wire.Cluster {
	cert, key := a.issue(name)
	c := wire.Cluster{Brokers: []string{addr}, CA: a.file,
		Cert: filepath.Join(a.dir, name+"-cert.pem"), Key: filepath.Join(a.dir, name+"-key.pem")}
	a.write(c.Cert, cert)
	a.write(c.Key, key)
	return c
}

func (a *authority) write(file string, b []byte) { require.NoError(a.t, os.WriteFile(file, b, 0o600)) }

func block(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }

// secureKafka starts a broker that has a second listener behind TLS, and returns the addresses of both.
func secureKafka(t *testing.T, a *authority) (plain, secure string) {
	plain, secure = servers.Port(t), servers.Port(t)
	controller := servers.Port(t)
	cert, key := a.issue("broker")
	keys := filepath.Join(a.dir, "broker.pem")
	a.write(keys, append(key, cert...))
	_, port, err := net.SplitHostPort(plain)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	k, err := servers.StartKafka(t.Context(), servers.KafkaConfig{Own: true, Port: number, Dir: t.TempDir(), Log: os.Stderr, Settings: map[string]string{
		"listeners":                      "PLAINTEXT://" + plain + ",SSL://" + secure + ",CONTROLLER://" + controller,
		"advertised.listeners":           "PLAINTEXT://" + plain + ",SSL://" + secure,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT",
		"controller.quorum.voters":       "1@" + controller,
		"ssl.keystore.type":              "PEM", "ssl.keystore.location": keys,
		"ssl.truststore.type": "PEM", "ssl.truststore.location": a.file,
		"ssl.client.auth": "required",
	}})
	if err != nil {
		servers.SkipOrFail(t, "Apache Kafka behind TLS", err)
	}
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return plain, secure
}

// TestTLS walks commands through a group, from an emitter to a follower, all behind TLS with certificates on both sides; and
// tries wrong ones.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ours, others := newAuthority(t, dir, "ours"), newAuthority(t, dir, "others")
	plain, secure := secureKafka(t, ours)
	plan := wiretest.Plan(2, 1)
	require.NoError(t, wiretest.CreateTopics(t.Context(), []string{plain}, plan))

	right := ours.client(secure, "member")
	wrong := right
	wrong.CA = others.file
	stranger := others.client(secure, "stranger")
	stranger.CA = ours.file
	t.Run("both sides are known", func(t *testing.T) { throughTLS(t, right, plan) })
	t.Run("the broker is not of the authority that is set", func(t *testing.T) { refusedByTLS(t, wrong, plan, others.file) })
	t.Run("the client is not of the broker's authority", func(t *testing.T) { refusedByTLS(t, stranger, plan, stranger.Cert) })
}

// throughTLS sends commands, and hears what the machine says to them.
func throughTLS(t *testing.T, c wire.Cluster, plan topology.Plan) {
	const commands, each = 200, 2 // events of a command
	ctx, cancel := context.WithTimeout(t.Context(), campaignPatience)
	defer cancel()
	ended := make(chan error, 2)
	go func() {
		ended <- wire.RunGroup(ctx, wire.GroupConfig{Plan: plan, Machine: wiretest.Counter(),
			Settings: wire.Settings{Cluster: c, Dir: t.TempDir(), SessionTimeout: campaignSession}})
	}()
	var heard atomic.Int64
	all := make(chan struct{})
	go func() {
		ended <- wire.Follow(ctx, wire.FollowerConfig{Cluster: c, Plan: plan, Name: "view", Topics: []string{wiretest.Events},
			Handle: func(_ context.Context, _ string, _ int32, batch []topology.Record) error {
				if heard.Add(int64(len(batch))) == commands*each {
					close(all)
				}
				return nil
			}})
	}()
	emitter, err := wire.NewEmitter(wire.EmitterConfig{Cluster: c, Plan: plan, Name: "gate"})
	require.NoError(t, err)
	for i := range commands {
		require.NoError(t, emitter.Emit(wiretest.Commands, fmt.Sprintf("user%d", i), []byte("x"), nil, nil))
	}
	require.NoError(t, emitter.Close(campaignPatience))
	select {
	case <-all:
	case <-ctx.Done():
	}
	require.EqualValues(t, commands*each, heard.Load())
	cancel()
	for range 2 {
		require.NoError(t, <-ended)
	}
}

// refusedByTLS: nothing begins to wait; everything says at once what is refused, and names the file.
func refusedByTLS(t *testing.T, c wire.Cluster, plan topology.Plan, names string) {
	ctx, cancel := context.WithTimeout(t.Context(), campaignPatience)
	defer cancel()
	for what, try := range map[string]func() error{
		"group": func() error {
			return wire.RunGroup(ctx, wire.GroupConfig{Plan: plan, Machine: wiretest.Counter(), Settings: wire.Settings{Cluster: c, Dir: t.TempDir()}})
		},
		"follower": func() error {
			return wire.Follow(ctx, wire.FollowerConfig{Cluster: c, Plan: plan, Name: "other-view", Topics: []string{wiretest.Events},
				Handle: func(context.Context, string, int32, []topology.Record) error { return nil }})
		},
		"emitter": func() error {
			e, err := wire.NewEmitter(wire.EmitterConfig{Cluster: c, Plan: plan, Name: "gate"})
			if err == nil {
				err = e.Close(campaignSession)
			}
			return err
		},
		"read": func() error {
			_, err := wire.Ends(ctx, c, wiretest.Events)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			err := try()
			t.Log(err)
			require.ErrorIs(t, err, wire.ErrRefused)
			require.ErrorContains(t, err, names)
			require.NoError(t, ctx.Err(), "it took until the test's patience was over")
		})
	}
}
