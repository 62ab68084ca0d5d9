// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
)

// runEchoBot answers each message with its text, to everybody who writes, until
// ctx ends.
func runEchoBot(ctx context.Context, cfg client.Config) error {
	news := make(chan struct{}, 1)
	cfg.OnEvent = func(chat.Event) { notify(news) }
	bot, err := client.Open(cfg)
	if err != nil {
		return err
	}
	defer bot.Close()
	defer context.AfterFunc(ctx, func() { notify(news) })()
	echo := func(got chat.Received) error {
		if got.Kind != chat.InboxMessage {
			return nil
		}
		_, err := bot.Send(ctx, got.Message.Conversation, chat.Draft{Text: "You said: " + got.Message.Text})
		return err
	}
	for err = bot.ConnectAll(); err == nil && ctx.Err() == nil; {
		all, unlisted := bot.Conversations()
		err = errors.Join(unlisted, bot.TakeInbox(echo))
		for _, conv := range all {
			if conv.Status == chat.StatusRequest {
				err = errors.Join(err, bot.Accept(ctx, conv.ID))
			}
		}
		if err == nil {
			<-news
		}
	}
	return err
}

// notify leaves one element in a channel that has room for it.
func notify(news chan<- struct{}) {
	select {
	case news <- struct{}{}:
	default:
	}
}

// An echo bot, and somebody who talks to it.
func Example_echoBot() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := startServer()
	defer server.stop()

	botCtx, stopBot := context.WithCancel(ctx)
	stopped := make(chan error)
	bot := server.newProfile("echo")
	go func() { stopped <- runEchoBot(botCtx, bot) }()

	alice := server.join(ctx, "alice")
	defer alice.Close()
	id, err := alice.Direct(ctx, server.address("echo"))
	check(err)
	_, err = alice.Send(ctx, id, chat.Draft{Text: "Is there an echo?"})
	check(err)
	fmt.Println(alice.nextText(ctx))

	stopBot()
	check(<-stopped)
	// Output: You said: Is there an echo?
}

// Two people: one writes, the other accepts the request and answers, and the
// first sees that the answer was written to what was said.
func Example_twoPartyChat() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := startServer()
	defer server.stop()
	alice, bob := server.join(ctx, "alice"), server.join(ctx, "bob")
	defer alice.Close()
	defer bob.Close()

	// A conversation between two begins with its first message.
	id, err := alice.Direct(ctx, bob.Address())
	check(err)
	question, err := alice.Send(ctx, id, chat.Draft{Text: "Shall we walk on Sunday?"})
	check(err)

	// Bob sees a request. What belongs to it stays in his inbox until he accepts.
	request := bob.nextRequest(ctx)
	fmt.Println("a request from", request.Inviter.Name)
	check(bob.Accept(ctx, request.ID))
	fmt.Println("alice:", bob.nextText(ctx))
	check(bob.MarkRead(ctx, request.ID))
	_, err = bob.Send(ctx, request.ID, chat.Draft{Text: "Gladly.", ReplyTo: question.ID})
	check(err)

	fmt.Println("bob:", alice.nextText(ctx))
	page, err := alice.Messages().Page(id, chat.Position{}, 10)
	check(err)
	for _, m := range page.Messages {
		if m.Quote != nil {
			fmt.Printf("%q answers %q\n", m.Text, m.Quote.Text)
		}
	}
	// Output:
	// a request from alice
	// alice: Shall we walk on Sunday?
	// bob: Gladly.
	// "Gladly." answers "Shall we walk on Sunday?"
}

// Names that this account gives to others are its own business.
func ExamplePeople_SetName() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := startServer()
	defer server.stop()
	alice := server.join(ctx, "alice")
	defer alice.Close()

	bob := server.address("bob")
	check(alice.People().SetName(bob, "Bobby"))
	name, err := alice.People().NameOf(bob)
	check(err)
	found, err := alice.People().Find("Bobby")
	check(err)
	fmt.Println(name, found == bob)
	// Output: Bobby true
}
