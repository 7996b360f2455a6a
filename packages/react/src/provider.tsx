// Gives the components below it the client by which they ask, and the words that they say.

import type { PlatenClient } from '@platen/client';
import { createContext, type ReactNode, useContext, useMemo } from 'react';
import { englishTexts, type PlatenTexts } from './texts.ts';

interface Platen {
  client: PlatenClient;
  texts: PlatenTexts;
}

const PlatenContext = createContext<Platen | undefined>(undefined);

export interface PlatenProviderProps {
  /** Made once, outside of components: `createClient({ baseUrl, userToken })`. */
  client: PlatenClient;
  /** In place of the English ones. */
  texts?: Partial<PlatenTexts>;
  children?: ReactNode;
}

export function PlatenProvider({ client, texts, children }: PlatenProviderProps) {
  const platen = useMemo(() => ({ client, texts: { ...englishTexts, ...texts } }), [client, texts]);
  return <PlatenContext.Provider value={platen}>{children}</PlatenContext.Provider>;
}

export function usePlaten(): Platen {
  const platen = useContext(PlatenContext);
  if (platen === undefined)
    throw new Error('Components of @platen/react belong inside of a <PlatenProvider client={…}>.');
  return platen;
}
