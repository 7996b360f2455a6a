// The door of the app: who has no session goes to the login page.

import { NextResponse } from 'next/server';

export function proxy(request) {
  if (!request.cookies.has('jwt')) return NextResponse.redirect(new URL('/login', request.url));
}

export const config = { matcher: '/report/:path*' };
